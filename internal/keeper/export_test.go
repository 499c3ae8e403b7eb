package keeper

// EpochKeysInMemory returns how many epoch keys the keeper holds.
func (k *Keeper) EpochKeysInMemory() int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.epochs)
}
