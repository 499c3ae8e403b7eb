package intent

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// What is unusual about gas and fees, in gas and wei. A fee without a bound
// takes all the coins that an account has, on every chain.
var (
	highFee      = big.NewInt(1e17)                                   // 0.1 ether
	highFeeCheap = new(big.Int).Mul(big.NewInt(10), big.NewInt(1e18)) // 10 coins that are worth less
)

// payable names the functions that take coins.
var payable = map[string]bool{"deposit": true, "multicall": true, "execTransaction": true, "multiSend": true}

const (
	plainGas = 21000
	blockGas = 1 << 24 // EIP-7825: no transaction may ask for more
)

func (t *transaction) describe(w *writer) {
	tx := t.tx
	amount := coins(t.chain, tx.Value())
	on := " on " + chainName(t.chain)

	w.line("type", fmt.Sprintf("%d (%s)", tx.Type(), [...]string{"legacy", "with access list", "with priority fee", "blob", "set code"}[tx.Type()]))
	w.chain("chain", t.chain)
	switch to := tx.To(); {
	case to == nil:
		t.describeCreation(w)
		w.summary = fmt.Sprintf("create a contract from %d bytes of code", len(tx.Data())) + on
		if tx.Value().Sign() > 0 {
			w.summary += " with " + amount
		}
	default:
		w.line("to", w.address(t.chain, *to))
		w.line("amount", amount)
		if *to == (common.Address{}) {
			w.warn("the recipient is the zero address: what is sent there is lost")
		}
		if *to == common.Address(w.ctx.Address) && len(tx.Data()) > 0 {
			w.warn("the call goes to this account itself, which has no code unless it was handed over to some")
		}
		if len(tx.Data()) == 0 {
			w.summary = "send " + amount + " to " + checksummed(*to) + on
			break
		}
		call := describeCall(w, t.chain, *to, tx.Data())
		w.summary = call + ", at " + w.address(t.chain, *to) + on
		if tx.Value().Sign() > 0 {
			w.summary = "send " + amount + " and " + w.summary
			if m, ok := methods[selector(tx.Data())]; ok && !payable[m.name] {
				w.warn("the call takes no coins, yet " + amount + " are sent along")
			}
		}
	}
	t.describeAuthorizations(w)
	t.describeFee(w)
	w.line("nonce", fmt.Sprint(tx.Nonce()))
	for i, e := range tx.AccessList() {
		if i == maxCalls {
			w.flag("access list", fmt.Sprintf("… %d more addresses", len(tx.AccessList())-i))
			w.warn("access list: too long to be shown whole")
			break
		}
		w.line("access list", fmt.Sprintf("%s, %d storage keys", w.address(t.chain, e.Address), len(e.StorageKeys)))
	}
}

func selector(data []byte) (s [4]byte) {
	copy(s[:], data)
	return s
}

func (t *transaction) describeCreation(w *writer) {
	code := t.tx.Data()
	w.flag("to", "nobody: this creates a contract")
	w.line("new contract", checksummed(crypto.CreateAddress(w.ctx.Address, t.tx.Nonce())))
	w.line("amount", coins(t.chain, t.tx.Value()))
	w.line("code", fmt.Sprintf("%d bytes, keccak256 0x%x", len(code), crypto.Keccak256(code)))
	w.line("data", showHex(code, maxShownData))
	w.warn("the transaction creates a contract; what its code does cannot be shown")
}

func (t *transaction) describeFee(w *writer) {
	tx := t.tx
	most := new(big.Int).Mul(tx.GasFeeCap(), new(big.Int).SetUint64(tx.Gas()))
	value := coins(t.chain, most)
	n, known := networkOf(t.chain)
	high := highFee
	if known && n.coin != "ETH" && n.coin != "BNB" {
		high = highFeeCheap
	}
	if most.Cmp(high) >= 0 {
		w.flag("max fee", value)
		w.warn("the fee is unusually high: up to " + value)
	} else {
		w.line("max fee", value)
	}
	w.line("gas", fmt.Sprint(tx.Gas()))
	switch tx.Type() {
	case types.LegacyTxType, types.AccessListTxType:
		w.line("gas price", gwei(tx.GasPrice()))
	default:
		w.line("max fee per gas", gwei(tx.GasFeeCap()))
		w.line("priority fee per gas", gwei(tx.GasTipCap()))
	}
	if tx.Gas() < plainGas {
		w.warn(fmt.Sprintf("%d gas is less than any transaction needs on most chains (%d)", tx.Gas(), plainGas))
	}
	if tx.Gas() > blockGas {
		w.warn(fmt.Sprintf("%d gas is more than Ethereum allows for one transaction (%d)", tx.Gas(), blockGas))
	}
}

func gwei(v *big.Int) string { return units(v, 9) + " gwei" }

// describeAuthorizations tells whose accounts the transaction hands over.
// Those of this account never get here.
func (t *transaction) describeAuthorizations(w *writer) {
	for i, a := range t.tx.SetCodeAuthorizations() {
		who, err := a.Authority()
		if err != nil {
			continue // check has refused it
		}
		label := fmt.Sprintf("authorization %d", i+1)
		if a.Address == (common.Address{}) {
			w.line(label, checksummed(who)+" takes its account back from code")
		} else {
			w.flag(label, checksummed(who)+" hands its account to the code at "+w.address(t.chain, a.Address))
			w.warn(label + " hands the account " + checksummed(who) + " over to code")
		}
		w.line(label+" nonce", fmt.Sprint(a.Nonce))
		switch id := a.ChainID.ToBig(); {
		case id.Sign() == 0:
			w.flag(label+" chain", "every chain")
			w.warn(label + " is valid on every chain")
		case id.Cmp(t.chain) != 0:
			w.chain(label+" chain", id)
			w.warn(label + " is for another chain and has no effect here")
		default:
			w.chain(label+" chain", id)
		}
	}
}
