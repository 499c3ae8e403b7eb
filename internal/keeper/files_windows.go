package keeper

// checkPrivate does nothing: what a user's profile directory grants, and to
// whom, is not in the mode bits of this system.
func checkPrivate(string) error { return nil }

// syncDir does nothing: a directory cannot be synced on this system, and NTFS
// journals renames.
func syncDir(string) error { return nil }
