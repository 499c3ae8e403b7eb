// Package redeal is a device's part in re-deals, by which all shares are replaced and the
// keys stay. [Redeals] keeps the attempt that is under way or was the last, and what is
// dead; [Trials] has new shares sign once before anybody commits to them; [Remains] sees
// to what is left of epochs that are over: shares that must go, and devices that left.
package redeal
