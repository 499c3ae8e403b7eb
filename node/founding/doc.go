// Package founding brings circles about, from the first invitation to the certificate
// of the first epoch, and knows who waits to be let in.
package founding
