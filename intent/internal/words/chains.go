package words

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/warifu/warifu/intent/internal/eth"
)

// A Network is what is known of a chain.
type Network struct {
	Name string
	Coin string // symbol of its own coin, which has 18 decimals
	Test bool   // its coins are worth nothing
}

// networks lists well-known chains by their id (EIP-155), from
// https://github.com/ethereum-lists/chains.
var networks = map[uint64]Network{
	1:        {"Ethereum mainnet", "ETH", false},
	10:       {"OP Mainnet", "ETH", false},
	56:       {"BNB Smart Chain", "BNB", false},
	100:      {"Gnosis", "xDAI", false},
	130:      {"Unichain", "ETH", false},
	137:      {"Polygon", "POL", false},
	324:      {"zkSync Era", "ETH", false},
	480:      {"World Chain", "ETH", false},
	1337:     {"a development chain or Hyperliquid", "ETH", false},
	8453:     {"Base", "ETH", false},
	10200:    {"Chiado", "xDAI", true},
	17000:    {"Holesky", "ETH", true},
	31337:    {"local development chain", "ETH", true},
	42161:    {"Arbitrum One", "ETH", false},
	42170:    {"Arbitrum Nova", "ETH", false},
	42220:    {"Celo", "CELO", false},
	43114:    {"Avalanche C-Chain", "AVAX", false},
	59144:    {"Linea", "ETH", false},
	80002:    {"Polygon Amoy", "POL", true},
	81457:    {"Blast", "ETH", false},
	84532:    {"Base Sepolia", "ETH", true},
	421614:   {"Arbitrum Sepolia", "ETH", true},
	534352:   {"Scroll", "ETH", false},
	560048:   {"Hoodi", "ETH", true},
	11155111: {"Sepolia", "ETH", true},
	11155420: {"OP Sepolia", "ETH", true},
}

// NetworkOf returns what is known of a chain; id may be nil.
func NetworkOf(id *big.Int) (Network, bool) {
	if id == nil || !id.IsUint64() {
		return Network{}, false
	}
	n, ok := networks[id.Uint64()]
	return n, ok
}

// ChainName names a chain inside a sentence.
func ChainName(id *big.Int) string {
	if n, ok := NetworkOf(id); ok {
		return n.Name
	}
	return "the unknown chain " + id.String()
}

// Chain writes the line of a chain id.
func (w *Writer) Chain(label string, id *big.Int) {
	n, ok := NetworkOf(id)
	switch {
	case !ok:
		w.Flag(label, fmt.Sprintf("%s (unknown chain)", id))
		w.Warn("the chain " + id.String() + " is not known to this release; check its id")
	case n.Test:
		w.Line(label, fmt.Sprintf("%s (%s, a test network)", id, n.Name))
	default:
		w.Line(label, fmt.Sprintf("%s (%s)", id, n.Name))
	}
}

// Coins returns an amount of the chain's own coin, exactly; the id may be nil.
func Coins(id, amount *big.Int) string {
	if n, ok := NetworkOf(id); ok {
		return Units(amount, 18) + " " + n.Coin
	}
	return Units(amount, 18) + " of the chain's own coin"
}

// Units returns v / 10^decimals as an exact decimal number.
func Units(v *big.Int, decimals int) string {
	s := new(big.Int).Abs(v).String()
	if len(s) <= decimals {
		s = strings.Repeat("0", decimals-len(s)+1) + s
	}
	whole, part := s[:len(s)-decimals], strings.TrimRight(s[len(s)-decimals:], "0")
	if part != "" {
		whole += "." + part
	}
	if v.Sign() < 0 {
		return "-" + whole
	}
	return whole
}

// A token is what is known of a token contract.
type token struct {
	symbol   string
	decimals int
}

type tokenKey struct {
	chain   uint64
	address common.Address
}

// tokens lists the contracts whose names are common knowledge. A wrong entry
// would lie to a person, so it holds only what its issuer publishes.
var tokens = map[tokenKey]token{
	{1, common.HexToAddress("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48")}:     {"USDC", 6},
	{1, common.HexToAddress("0xdAC17F958D2ee523a2206206994597C13D831ec7")}:     {"USDT", 6},
	{1, common.HexToAddress("0x6B175474E89094C44Da98b954EedeAC495271d0F")}:     {"DAI", 18},
	{1, common.HexToAddress("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2")}:     {"WETH", 18},
	{1, common.HexToAddress("0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599")}:     {"WBTC", 8},
	{10, common.HexToAddress("0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85")}:    {"USDC", 6},
	{10, common.HexToAddress("0x4200000000000000000000000000000000000006")}:    {"WETH", 18},
	{137, common.HexToAddress("0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359")}:   {"USDC", 6},
	{8453, common.HexToAddress("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913")}:  {"USDC", 6},
	{8453, common.HexToAddress("0x4200000000000000000000000000000000000006")}:  {"WETH", 18},
	{42161, common.HexToAddress("0xaf88d065e77c8cC2239327C5EDb3A432268e5831")}: {"USDC", 6},
	{42161, common.HexToAddress("0x82aF49447D8a07e3bd95BD0d56f35241523fBab1")}: {"WETH", 18},
}

// KnownToken reports whether a is the contract of a token that is common
// knowledge; chain may be nil.
func KnownToken(chain *big.Int, a common.Address) bool {
	_, ok := tokenAt(chain, a)
	return ok
}

func tokenAt(chain *big.Int, a common.Address) (token, bool) {
	if chain == nil || !chain.IsUint64() {
		return token{}, false
	}
	t, ok := tokens[tokenKey{chain.Uint64(), a}]
	return t, ok
}

// Permit2 is Uniswap's Permit2 contract, which has one address on all chains.
var Permit2 = common.HexToAddress("0x000000000022D473030F116dDEE9F6B43aC78BA3")

// Address returns an address with its checksum and with what is known of it;
// chain may be nil.
func (w *Writer) Address(chain *big.Int, a common.Address) string {
	s := eth.Checksum(a)
	switch t, ok := tokenAt(chain, a); {
	case a == common.Address(w.Ctx.Address):
		return s + " (this account)"
	case a == common.Address{}:
		return s + " (the zero address, which nobody owns)"
	case a == Permit2:
		return s + " (Permit2)"
	case ok:
		return s + " (" + t.symbol + " token)"
	}
	return s
}

// Amount returns a number of base units of the token at a.
func Amount(chain *big.Int, a common.Address, v *big.Int) string {
	if t, ok := tokenAt(chain, a); ok {
		if Unlimited(v) {
			return "unlimited " + t.symbol
		}
		return Units(v, t.decimals) + " " + t.symbol
	}
	if Unlimited(v) {
		return "unlimited"
	}
	return v.String() + " base units of an unknown token contract"
}

// Unlimited reports whether an allowance is without end in practice: more than
// any token has, or the largest number of the types that tokens use.
func Unlimited(v *big.Int) bool {
	return v.BitLen() > 128 || v.Cmp(maxUint96) == 0 || v.Cmp(maxUint128) == 0
}

var (
	maxUint96  = eth.MaxUint(96)
	maxUint128 = eth.MaxUint(128)
)
