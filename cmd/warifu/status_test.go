package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
)

const (
	sampleAddress = "0xCEe5b96BD09B4daaa1Fcf1DAdd1C04846262a75B"
	samplePath    = "m/44'/60'/0'/0/0"
	sampleXpub    = "xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5"
	sampleSSH     = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINavmG5X5srQCfbtzSzeMJlyGeuyBWI+Y988P/0WtqXB"
)

// quietStatus is of a circle in which all is well.
func quietStatus(seen time.Time) api.Status {
	return api.Status{Name: "laptop", Kind: "laptop", Device: strings.Repeat("ab", 32), Circle: strings.Repeat("c1", 32), Threshold: 2, Epoch: 1,
		Addresses: api.List[string]{"/ip4/192.0.2.7/tcp/4242"},
		Devices: api.List[api.Device]{
			{Slot: 1, Name: "laptop", Kind: "laptop", This: true, Online: true, Epoch: 1},
			{Slot: 2, Name: "phone", Kind: "phone", Online: true, LastSeen: &seen, Epoch: 1},
			{Slot: 3, Name: "tablet", Kind: "tablet", LastSeen: &seen, Epoch: 1},
		},
		Accounts: api.List[api.Account]{
			{Name: "ethereum", Address: sampleAddress, Path: samplePath, Xpub: sampleXpub},
			{Name: "ssh", PublicKey: sampleSSH},
		}}
}

// TestQuietStatus: where all is well status says what there is and nothing else,
// and with -v also where the device listens and what a watch-only wallet wants.
func TestQuietStatus(t *testing.T) {
	t.Parallel()
	seen := time.Now().Add(-50 * time.Hour).Truncate(time.Second)
	home := serve(t, &fake{status: quietStatus(seen)})
	head := "laptop (laptop), unlocked, device abababab\n"
	rest := `
circle c1c1c1c1: 3 devices, any 2 of which sign, epoch 1
  laptop  laptop  this device
  phone   phone   online
  tablet  tablet  last seen ` + seen.Format("2006-01-02 15:04") + `, 2 days ago

accounts
  ethereum  ` + sampleAddress + "  " + samplePath + "\n"
	ssh := "  ssh       " + sampleSSH + "\n"
	if o := warifu(t, t.Context(), "", "--home", home, "status"); o.stdout != head+rest+ssh {
		t.Errorf("got\n%s\nwant\n%s", o.stdout, head+rest+ssh)
	}
	want := head + "  at /ip4/192.0.2.7/tcp/4242\n" + rest + "    xpub    " + sampleXpub + "\n" + ssh
	if o := warifu(t, t.Context(), "", "--home", home, "status", "-v"); o.stdout != want {
		t.Errorf("got\n%s\nwant\n%s", o.stdout, want)
	}
	var s struct {
		Accounts []map[string]string
		Devices  []map[string]any
	}
	o := warifu(t, t.Context(), "", "--home", home, "status", "--json")
	if err := json.Unmarshal([]byte(o.stdout), &s); err != nil || s.Accounts[0]["xpub"] != sampleXpub {
		t.Errorf("%v: %s", err, o.stdout)
	}
	if at, err := time.Parse(time.RFC3339, s.Devices[2]["last_seen"].(string)); err != nil || !at.Equal(seen) {
		t.Errorf("last seen %v, %v", s.Devices[2]["last_seen"], err)
	}
}

// TestOldSharesAreToldWhileThereAre: not as a count of none.
func TestOldSharesAreToldWhileThereAre(t *testing.T) {
	t.Parallel()
	for _, alive := range []int{0, 1, 2} {
		status := quietStatus(time.Now())
		status.OldSharesAlive = alive
		o := warifu(t, t.Context(), "", "--home", serve(t, &fake{status: status}), "status")
		if told := strings.Contains(o.stdout, "old shares"); told != (alive > 0) || strings.Contains(o.stdout, "0 of") {
			t.Errorf("%d: %s", alive, o.stdout)
		}
	}
}
