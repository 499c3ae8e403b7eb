package node

// The rooms to be: what is above the ledger.
type (
	redeals   = core
	foundings = core
	signings  = core
)
