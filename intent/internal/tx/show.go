package tx

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/warifu/warifu/intent/internal/calldata"
	"github.com/warifu/warifu/intent/internal/eth"
	"github.com/warifu/warifu/intent/internal/text"
	"github.com/warifu/warifu/intent/internal/words"
)

// What is unusual about gas and fees, in gas and wei. A fee without a bound
// takes all the coins that an account has, on every chain.
var (
	highFee      = big.NewInt(1e17)                                   // 0.1 ether
	highFeeCheap = new(big.Int).Mul(big.NewInt(10), big.NewInt(1e18)) // 10 coins that are worth less
)

// maxShownEntries bounds what is shown of an access list.
const maxShownEntries = 64

const (
	plainGas = 21000
	blockGas = 1 << 24 // EIP-7825: no transaction may ask for more
)

// Describe writes the transaction in words.
func (t *Transaction) Describe(w *words.Writer) {
	tx := t.tx
	amount := words.Coins(t.chain, tx.Value())
	on := " on " + words.ChainName(t.chain)

	w.Line("type", fmt.Sprintf("%d (%s)", tx.Type(), [...]string{"legacy", "with access list", "with priority fee", "blob", "set code"}[tx.Type()]))
	w.Chain("chain", t.chain)
	switch to := tx.To(); {
	case to == nil:
		t.describeCreation(w)
		w.Summary = fmt.Sprintf("create a contract from %d bytes of code", len(tx.Data())) + on
		if tx.Value().Sign() > 0 {
			w.Summary += " with " + amount
		}
	default:
		w.Line("to", w.Address(t.chain, *to))
		w.Line("amount", amount)
		if *to == (common.Address{}) {
			w.Warn("the recipient is the zero address: what is sent there is lost")
		}
		if *to == common.Address(w.Ctx.Address) && len(tx.Data()) > 0 {
			w.Warn("the call goes to this account itself, which has no code unless it was handed over to some")
		}
		if len(tx.Data()) == 0 {
			w.Summary = "send " + amount + " to " + eth.Checksum(*to) + on
			break
		}
		call := calldata.Describe(w, t.chain, *to, tx.Data())
		w.Summary = call + ", at " + w.Address(t.chain, *to) + on
		if tx.Value().Sign() > 0 {
			w.Summary = "send " + amount + " and " + w.Summary
			if calldata.TakesNoCoins(tx.Data()) {
				w.Warn("the call takes no coins, yet " + amount + " are sent along")
			}
		}
	}
	t.describeAuthorizations(w)
	t.describeFee(w)
	w.Line("nonce", fmt.Sprint(tx.Nonce()))
	for i, e := range tx.AccessList() {
		if i == maxShownEntries {
			w.Flag("access list", fmt.Sprintf("… %d more addresses", len(tx.AccessList())-i))
			w.Warn("access list: too long to be shown whole")
			break
		}
		w.Line("access list", fmt.Sprintf("%s, %d storage keys", w.Address(t.chain, e.Address), len(e.StorageKeys)))
	}
}

func (t *Transaction) describeCreation(w *words.Writer) {
	code := t.tx.Data()
	w.Flag("to", "nobody: this creates a contract")
	w.Line("new contract", eth.Checksum(crypto.CreateAddress(w.Ctx.Address, t.tx.Nonce())))
	w.Line("amount", words.Coins(t.chain, t.tx.Value()))
	w.Line("code", fmt.Sprintf("%d bytes, keccak256 0x%x", len(code), crypto.Keccak256(code)))
	w.Line("data", text.Hex(code, words.MaxData))
	w.Warn("the transaction creates a contract; what its code does cannot be shown")
}

func (t *Transaction) describeFee(w *words.Writer) {
	tx := t.tx
	most := new(big.Int).Mul(tx.GasFeeCap(), new(big.Int).SetUint64(tx.Gas()))
	value := words.Coins(t.chain, most)
	n, known := words.NetworkOf(t.chain)
	high := highFee
	if known && n.Coin != "ETH" && n.Coin != "BNB" {
		high = highFeeCheap
	}
	if most.Cmp(high) >= 0 {
		w.Flag("max fee", value)
		w.Warn("the fee is unusually high: up to " + value)
	} else {
		w.Line("max fee", value)
	}
	w.Line("gas", fmt.Sprint(tx.Gas()))
	switch tx.Type() {
	case types.LegacyTxType, types.AccessListTxType:
		w.Line("gas price", gwei(tx.GasPrice()))
	default:
		w.Line("max fee per gas", gwei(tx.GasFeeCap()))
		w.Line("priority fee per gas", gwei(tx.GasTipCap()))
	}
	if tx.Gas() < plainGas {
		w.Warn(fmt.Sprintf("%d gas is less than any transaction needs on most chains (%d)", tx.Gas(), plainGas))
	}
	if tx.Gas() > blockGas {
		w.Warn(fmt.Sprintf("%d gas is more than Ethereum allows for one transaction (%d)", tx.Gas(), blockGas))
	}
}

func gwei(v *big.Int) string { return words.Units(v, 9) + " gwei" }

// describeAuthorizations tells whose accounts the transaction hands over.
// Those of this account never get here.
func (t *Transaction) describeAuthorizations(w *words.Writer) {
	for i, a := range t.tx.SetCodeAuthorizations() {
		who, err := a.Authority()
		if err != nil {
			continue // check has refused it
		}
		label := fmt.Sprintf("authorization %d", i+1)
		if a.Address == (common.Address{}) {
			w.Line(label, eth.Checksum(who)+" takes its account back from code")
		} else {
			w.Flag(label, eth.Checksum(who)+" hands its account to the code at "+w.Address(t.chain, a.Address))
			w.Warn(label + " hands the account " + eth.Checksum(who) + " over to code")
		}
		w.Line(label+" nonce", fmt.Sprint(a.Nonce))
		switch id := a.ChainID.ToBig(); {
		case id.Sign() == 0:
			w.Flag(label+" chain", "every chain")
			w.Warn(label + " is valid on every chain")
		case id.Cmp(t.chain) != 0:
			w.Chain(label+" chain", id)
			w.Warn(label + " is for another chain and has no effect here")
		default:
			w.Chain(label+" chain", id)
		}
	}
}
