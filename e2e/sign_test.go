package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"github.com/warifu/warifu/node/api"
)

func TestEveryPairSigns(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	for _, asker := range c.devices {
		for _, approver := range c.devices {
			if asker == approver {
				continue
			}
			sig := c.sign(t, fmt.Sprintf("%s and %s", asker.name, approver.name), asker, approver)
			for _, name := range []string{asker.name, approver.name} {
				if !strings.Contains(strings.Join(sig.Signers, " "), name) {
					t.Errorf("%s is not among the signers %v", name, sig.Signers)
				}
			}
		}
	}
	for _, d := range c.devices {
		if code := d.stop(); code != 0 {
			t.Errorf("%s: exit %d after an interrupt:\n%s", d.name, code, d.stderr)
		}
		d.sound()
	}
}

func TestThreeOfFiveSign(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 3, "a", "b", "c", "d", "e")
	c.sign(t, "three of five", c.devices[4], c.devices[0], c.devices[2])
	c.devices[0].kill()
	c.devices[2].kill()
	c.sign(t, "two of five are gone", c.devices[1], c.devices[3], c.devices[4])
}

// signed runs a sign command on asker and approves it on approver with the
// command line, as two people at two keyboards would.
func signed(t testing.TB, asker, approver *device, args ...string) api.Signature {
	t.Helper()
	id := strings.TrimSpace(asker.command(0, append(append([]string{}, args...), "--detach")...).stdout)
	eventually(t, "the request comes", func() bool {
		_, err := approver.client.Request(t.Context(), id)
		return err == nil
	})
	approver.run(0, "approve", id[:8], "--yes")
	return decode[api.Signature](t, asker.run(0, "show", id[:8], "--wait").stdout)
}

const typedData = `{
  "types": {
    "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
    "Mail": [{"name": "to", "type": "address"}, {"name": "contents", "type": "string"}]
  },
  "primaryType": "Mail",
  "domain": {"name": "Ether Mail", "chainId": "1"},
  "message": {"to": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB", "contents": "Hello, Bob!"}
}`

func TestKindsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	laptop, phone := c.devices[0], c.devices[1]
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}

	t.Run("message", func(t *testing.T) {
		sig := signed(t, laptop, phone, "sign", "message", "hello")
		c.check(t, "hello", sig)
		laptop.command(0, "verify", "message", "hello", "--address", c.address, "--signature", sig.Signature).has(t, "valid: signed by")
		laptop.command(1, "verify", "message", "hallo", "--address", c.address, "--signature", sig.Signature).has(t, "not valid")
	})
	t.Run("typed-data", func(t *testing.T) {
		path := write("mail.json", typedData)
		sig := signed(t, laptop, phone, "sign", "typed-data", path)
		var data apitypes.TypedData
		if err := json.Unmarshal([]byte(typedData), &data); err != nil {
			t.Fatal(err)
		}
		digest, _, err := apitypes.TypedDataAndHash(data)
		if err != nil {
			t.Fatal(err)
		}
		if got := recovered(t, digest, sig.Signature); got != c.address {
			t.Errorf("signed by %s, want %s", got, c.address)
		}
		laptop.command(0, "verify", "typed-data", path, "--address", c.address, "--signature", sig.Signature).has(t, "valid: signed by")
	})
	for name, tx := range map[string]string{
		"legacy":      `{"type":"0x0","chainId":"0x1","nonce":"0x7","gas":"0x5208","gasPrice":"0x3b9aca00","to":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8","value":"0xde0b6b3a7640000","input":"0x"}`,
		"dynamic-fee": `{"type":"0x2","chainId":"0x1","nonce":"0x7","gas":"0x5208","maxFeePerGas":"0x3b9aca00","maxPriorityFeePerGas":"0x1","to":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8","value":"0xde0b6b3a7640000","input":"0x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			sig := signed(t, laptop, phone, "sign", "tx", write(name+".json", tx))
			var got types.Transaction
			if err := got.UnmarshalBinary(sig.Raw); err != nil {
				t.Fatal(err)
			}
			from, err := types.Sender(types.LatestSignerForChainID(got.ChainId()), &got)
			if err != nil || from.Hex() != c.address {
				t.Errorf("sent by %s: %v, want %s", from.Hex(), err, c.address)
			}
			if got.Hash().Hex() != sig.Hash.String() {
				t.Errorf("hash %s, want %s", sig.Hash, got.Hash())
			}
		})
	}
	t.Run("file", func(t *testing.T) {
		path := write("release.tar", "some content")
		sig := signed(t, laptop, phone, "sign", "file", "--namespace", "file", path)
		checkSSHSignature(t, sig, "file", "some content")
	})
	t.Run("refused", func(t *testing.T) {
		blob := write("blob.json", `{"type":"0x3","chainId":"0x1","nonce":"0x7","gas":"0x5208","to":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}`)
		laptop.run(1, "sign", "tx", blob)
		broken := write("broken.json", strings.Replace(typedData, `"0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"`, `"not an address"`, 1))
		laptop.run(1, "sign", "typed-data", broken)
		bad := write("checksum.json", `{"type":"0x0","chainId":"0x1","nonce":"0x7","gas":"0x5208","gasPrice":"0x1","to":"0x70997970c51812dc3A010C7d01b50e0d17dc79C8","value":"0x1"}`)
		laptop.run(1, "sign", "tx", bad).has(t, "checksum")
		if o := laptop.run(1, "sign", "message", "hi", "--account", "bitcoin"); o.code(t) != api.CodeNoAccount {
			t.Errorf("an account that is not there: %s", o.stderr)
		}
	})
}

// checkSSHSignature verifies as OpenSSH does, where it is installed.
func checkSSHSignature(t testing.TB, sig api.Signature, namespace, content string) {
	t.Helper()
	verifySSHSIG(t, sig, namespace, content)
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Log("ssh-keygen is not installed: only our own reading of SSHSIG was checked")
		return
	}
	dir := t.TempDir()
	signers, armor := filepath.Join(dir, "allowed_signers"), filepath.Join(dir, "sig")
	if err := os.WriteFile(signers, []byte("me@example.org "+sig.PublicKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(armor, []byte(sig.Signature), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(keygen, "-Y", "verify", "-f", signers, "-I", "me@example.org", "-n", namespace, "-s", armor)
	cmd.Stdin = strings.NewReader(content)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("ssh-keygen -Y verify: %v: %s", err, out.String())
	}
}

func TestDenyClosesEverywhere(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	laptop, phone, tablet := c.devices[0], c.devices[1], c.devices[2]
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	waiting := make(chan error, 1)
	ids := make(chan string, 1)
	go func() {
		_, err := laptop.client.Sign(ctx, api.SignArgs{Kind: api.KindMessage, Message: []byte("no")}, func(e api.Event) {
			if e.Event == api.EventRequest {
				ids <- e.ID
			}
		})
		waiting <- err
	}()
	id := <-ids
	eventually(t, "the tablet shows the request", func() bool {
		_, err := tablet.client.Request(ctx, id)
		return err == nil
	})
	tablet.run(0, "deny", id[:8])
	if err := <-waiting; api.CodeOf(err) != api.CodeDenied {
		t.Errorf("the laptop's wait ended with %v", err)
	}
	for _, d := range c.devices {
		eventually(t, d.name+" closes the request", func() bool {
			r, err := d.client.Request(ctx, id)
			return err == nil && r.State == api.StateDenied
		})
	}
	if _, err := phone.client.Approve(ctx, id); api.CodeOf(err) != api.CodeRequestClosed && api.CodeOf(err) != api.CodeDenied {
		t.Errorf("an approval after the denial: %v", err)
	}
	// It stays denied after a restart.
	phone.kill()
	phone.up()
	if r, err := phone.client.Request(ctx, id); err != nil || r.State != api.StateDenied {
		t.Errorf("after a restart: %v, %v", r.State, err)
	}
}

func TestNothingRepaintsAnApproval(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone")
	laptop, phone := c.devices[0], c.devices[1]
	message := "pay 1\x1b[2K\rpay 1000\u202e evil\u200b\u2066 \x9b31m\x00 \xff"
	path := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(path, []byte(message), 0o600); err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(laptop.command(0, "sign", "message", "--file", path, "--detach").stdout)
	eventually(t, "the request comes", func() bool {
		_, err := phone.client.Request(t.Context(), id)
		return err == nil
	})
	for _, args := range [][]string{{"requests"}, {"show", id[:8]}, {"status"}, {"approve", id[:8], "--yes"}} {
		o := phone.command(0, args...)
		for _, r := range o.stdout + o.stderr {
			if r != '\n' && (r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || strings.ContainsRune("\u202e\u200b\u2066\ufffd", r)) {
				t.Errorf("%v prints %U: %q", args, r, o.stdout+o.stderr)
				break
			}
		}
	}
	sig := decode[api.Signature](t, laptop.run(0, "show", id, "--wait").stdout)
	c.check(t, message, sig)
}

func TestTimeoutNamesWhoIsMissing(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone")
	laptop, phone := c.devices[0], c.devices[1]
	phone.kill()
	o := laptop.run(1, "sign", "message", "anybody?", "--timeout", "2s")
	if code := o.code(t); code != api.CodeTimeout && code != api.CodeNoQuorum {
		t.Errorf("code %s", code)
	}
	o.has(t, `"event":"waiting"`, `"phone"`, `"hint"`)
	// The request is open: the phone, back, sees it and can approve it.
	phone.up()
	id := laptop.status().Requests[0].ID
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := approve(ctx, phone, id); err != nil {
		t.Fatal(err)
	}
	sig := decode[api.Signature](t, laptop.run(0, "show", id, "--wait").stdout)
	c.check(t, "anybody?", sig)
}
