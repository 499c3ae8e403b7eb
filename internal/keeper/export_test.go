package keeper

// EpochKeysInMemory returns how many epoch keys the keeper holds.
func (k *Keeper) EpochKeysInMemory() int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.epochs)
}

// UnlockSince is Unlock as of when the shares had been locked so often.
func (k *Guarded) UnlockSince(locks uint64, passphrase []byte) error {
	return k.unlockSince(locks, passphrase)
}
