package e2e

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/warifu/warifu/node/api"
)

var storesFlag = flag.String("stores", "", "write testdata/stores/NAME.tar.gz: the homes of a circle as this release leaves them")

const storesDir = "testdata/stores"

// What a circle of an earlier release knew of itself: circle.json in its archive,
// beside one folder for each device.
type earlierCircle struct {
	Circle    string
	Address   string
	Epoch     uint64
	Devices   []string
	Ports     []int // at which they know each other
	Request   string
	Signature string
}

// TestEarlierStoresOpen: a circle of each earlier release goes on with this one, at
// the same address, in the same epoch, with what it has signed; every device has
// something signed, and they deal fresh shares.
func TestEarlierStoresOpen(t *testing.T) {
	t.Parallel()
	if *storesFlag != "" {
		writeStores(t, filepath.Join(storesDir, *storesFlag+".tar.gz"))
	}
	archives, err := filepath.Glob(filepath.Join(storesDir, "*.tar.gz"))
	if err != nil || len(archives) == 0 {
		t.Fatalf("no stores of earlier releases in %s: %v", storesDir, err)
	}
	for _, archive := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".tar.gz"), func(t *testing.T) {
			dir := tempDir(t)
			unpack(t, archive, dir)
			b, err := os.ReadFile(filepath.Join(dir, "circle.json"))
			if err != nil {
				t.Fatal(err)
			}
			was := decode[earlierCircle](t, string(b))
			c := &circle{Circle: api.Circle{Threshold: len(was.Devices)}, address: was.Address} // all must sign
			for i, name := range was.Devices {
				c.devices = append(c.devices, deviceIn(t, name, filepath.Join(dir, name), was.Ports[i]))
			}
			for _, d := range c.devices {
				d.up()
			}
			c.settle(t, was.Epoch)
			for _, d := range c.devices {
				s := d.status()
				if s.Circle != was.Circle || s.Epoch != was.Epoch || len(s.Devices) != len(was.Devices) {
					t.Errorf("%s: circle %s, epoch %d with %d devices, want %s, %d with %d", d.name, s.Circle, s.Epoch, len(s.Devices), was.Circle, was.Epoch, len(was.Devices))
				}
				r, err := d.client.Request(t.Context(), was.Request)
				if err != nil || r.State != api.StateSigned || r.Signature == nil || r.Signature.Signature != was.Signature {
					t.Errorf("%s: the request that was signed: %+v, %v", d.name, r, err)
				}
			}
			c.everybodyAsks(t, "after the update")
			c.change(t, c.devices[1].refresh())
			c.settle(t, was.Epoch+1)
			c.everybodyAsks(t, "with fresh shares")
		})
	}
}

// everybodyAsks has each device ask and all others approve.
func (c *circle) everybodyAsks(t testing.TB, message string) {
	t.Helper()
	for i, asker := range c.devices {
		c.sign(t, fmt.Sprintf("%s: %s", message, asker.name), asker, slices.Delete(slices.Clone(c.devices), i, i+1)...)
	}
}

// deviceIn is a device whose home is there already, at the port that others know.
func deviceIn(t testing.TB, name, home string, port int) *device {
	t.Helper()
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatalf("the port of %s is in use: %v", name, err)
	}
	ln.Close()
	d := &device{t: t, name: name, home: home, pass: filepath.Join(tempDir(t), "pass"), listen: fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port)}
	if err := os.WriteFile(d.pass, []byte(passphrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d.client, err = api.NewClient(home); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.client.Close()
		d.kill()
	})
	return d
}

// writeStores founds a circle, signs, takes a device out, deals again, and packs the
// homes.
func writeStores(t *testing.T, archive string) {
	t.Helper()
	var devices []*device
	was := earlierCircle{Devices: []string{"phone", "laptop", "tablet"}, Ports: []int{11801, 11802, 11803}}
	for i, name := range append(was.Devices, "watch") {
		d := newDevice(t, name)
		if i < len(was.Ports) {
			d.listen = fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", was.Ports[i])
		}
		d.up()
		devices = append(devices, d)
	}
	c := found(t, 3, devices...)
	sig := c.sign(t, "before the update", devices[0], devices[1], devices[2])
	c.change(t, devices[0].lost(devices[3]), devices[1], devices[2])
	c.drop(devices[3])
	c.settle(t, 1)
	c.sign(t, "without the watch", devices[1], devices[0], devices[2])
	was.Circle, was.Address, was.Epoch = c.Circle.Circle, c.address, devices[0].status().Epoch
	was.Request, was.Signature = sig.Request, sig.Signature
	for _, d := range devices {
		d.stop()
	}
	b, err := json.MarshalIndent(was, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	pack(t, archive, b, devices[:len(was.Devices)])
}

func pack(t *testing.T, archive string, about []byte, devices []*device) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(archive), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	add := func(name string, b []byte) {
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(b))})
		if err == nil {
			_, err = w.Write(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("circle.json", about)
	for _, d := range devices {
		if err := filepath.WalkDir(d.home, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if err == nil {
				rel, _ := filepath.Rel(d.home, path)
				add(filepath.ToSlash(filepath.Join(d.name, rel)), b)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err == nil {
			err = root.MkdirAll(filepath.Dir(h.Name), 0o700)
		}
		if err == nil {
			err = root.WriteFile(h.Name, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
