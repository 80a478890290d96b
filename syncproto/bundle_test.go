package syncproto_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"kua/syncproto"
	"kua/syncproto/prototest"
)

// writeBundle returns a bundle of the given items by the device.
func writeBundle(t testing.TB, d *prototest.Device, items []syncproto.BundleItem) []byte {
	t.Helper()
	var file bytes.Buffer
	m := syncproto.BundleManifest{Kind: syncproto.BundleChangesets, Items: uint64(len(items)), RosterLen: 3}
	w, err := syncproto.NewBundleWriter(&file, m, d.Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range items {
		if err := w.Add(item); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// mixed returns a roster, some changesets and a receipt as items, more than one frame of them.
func mixed(t testing.TB, c *prototest.Cast) (items []syncproto.BundleItem) {
	t.Helper()
	for _, rec := range c.Roster.Records(0) {
		items = append(items, syncproto.BundleItem{Kind: syncproto.ItemRoster, Content: rec})
	}
	v, opening := c.Monitor.OpenVisit(prototest.Region, c.Monitor.Owner)
	items = append(items, syncproto.BundleItem{Kind: syncproto.ItemPacket, Content: opening.Packet.Encode()})
	for range 6 {
		e, noise := c.Entity(), make([]byte, 12<<10)
		io.ReadFull(c.Rand, noise)
		cs := c.Monitor.Feed(v).Sign(prototest.Create(e, 2200), prototest.Set(e, 2201, noise))
		items = append(items, syncproto.BundleItem{Kind: syncproto.ItemPacket, Content: cs.Packet.Encode()})
	}
	receipt := c.Receipt(v.Scope, syncproto.Hash{1}, 1, opening)
	return append(items,
		syncproto.BundleItem{Kind: syncproto.ItemReceipt, Content: receipt},
		syncproto.BundleItem{Kind: 99, Content: []byte("of a later version")})
}

func readBundle(r io.Reader) (items []syncproto.BundleItem, info syncproto.BundleInfo, err error) {
	info, err = syncproto.ReadBundle(r, func(i syncproto.BundleItem) error {
		items = append(items, i)
		return nil
	})
	return items, info, err
}

// sameItem is here because cmp is slow on long byte strings.
func sameItem(a, b syncproto.BundleItem) bool {
	return a.Kind == b.Kind && bytes.Equal(a.Content, b.Content)
}

func TestABundleGivesBackWhatWasPutIn(t *testing.T) {
	c := prototest.NewCast(t, 1)
	want := mixed(t, c)
	file := writeBundle(t, c.Monitor, want)
	got, info, err := readBundle(iotest.OneByteReader(bytes.NewReader(file)))
	if err != nil || !info.Complete || info.Damage != nil {
		t.Fatalf("info = %+v, %v", info, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if info.Manifest.Exporter != c.Monitor.ID || info.Manifest.Items != uint64(len(want)) || info.Manifest.RosterLen != 3 {
		t.Fatalf("manifest = %+v", info.Manifest)
	}
	if err := info.Verify(c.Monitor.Public()); err != nil {
		t.Fatal(err)
	}
	if err := info.Verify(c.Monitor2.Public()); syncproto.CodeOf(err) != syncproto.CodeBadSignature {
		t.Fatalf("another device's key verifies the trailer: %v", err)
	}
}

func TestACutBundleGivesAllThatIsWhole(t *testing.T) {
	c := prototest.NewCast(t, 2)
	want := mixed(t, c)
	file := writeBundle(t, c.Monitor, want)
	most := 0
	for cut := 64; cut < len(file); cut += 509 {
		got, info, err := readBundle(bytes.NewReader(file[:cut]))
		if err != nil || info.Complete || info.Damage == nil {
			t.Fatalf("cut at %d of %d: %+v, %v", cut, len(file), info, err)
		}
		if len(got) < most || !slices.EqualFunc(want[:len(got)], got, sameItem) {
			t.Fatalf("cut at %d: %d items, before it %d", cut, len(got), most)
		}
		most = len(got)
		if err := info.Verify(c.Monitor.Public()); err == nil {
			t.Fatalf("cut at %d: the trailer of an incomplete bundle verifies", cut)
		}
	}
	if most == 0 {
		t.Fatal("no cut gave any item")
	}
}

func TestADamagedBundleIsNeverCalledComplete(t *testing.T) {
	c := prototest.NewCast(t, 3)
	file := writeBundle(t, c.Monitor, mixed(t, c))
	for at := 0; at < len(file); at += 389 {
		bad := bytes.Clone(file)
		bad[at] ^= 0x40
		_, info, err := readBundle(bytes.NewReader(bad))
		if err == nil && info.Complete && info.Verify(c.Monitor.Public()) == nil {
			t.Fatalf("a bundle with a flipped bit in byte %d of %d is complete and verifies", at, len(file))
		}
	}
	if _, info, _ := readBundle(bytes.NewReader(append(bytes.Clone(file), 0))); info.Complete {
		t.Fatal("a bundle with a byte behind it is complete")
	}
	if _, info, err := readBundle(iotest.TimeoutReader(bytes.NewReader(file))); err != nil || info.Complete {
		t.Fatalf("a read error of the medium is not damage: %+v, %v", info, err)
	}
}

func TestABundleFrameOfAnotherBundleDoesNotPass(t *testing.T) {
	c := prototest.NewCast(t, 4)
	one := []syncproto.BundleItem{{Kind: 7, Content: []byte("one")}}
	two := []syncproto.BundleItem{{Kind: 7, Content: []byte("two")}}
	a, b := writeBundle(t, c.Monitor, one), writeBundle(t, c.Monitor, two)
	trailer := []byte{0xd2, 0x84, 0x43, 0xa1, 0x01, 0x27, 0xa0}
	mixed := append(bytes.Clone(a[:bytes.Index(a, trailer)]), b[bytes.Index(b, trailer):]...)
	_, info, err := readBundle(bytes.NewReader(mixed))
	if err == nil && info.Complete {
		t.Fatal("the trailer of another bundle was accepted")
	}
}

func TestHostileSizesInABundleAreRefused(t *testing.T) {
	manifest, err := syncproto.EncodeMessage(syncproto.BundleManifest{Version: 1, Kind: syncproto.BundleChangesets})
	if err != nil {
		t.Fatal(err)
	}
	frame := func(content []byte) []byte {
		enc, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		z := enc.EncodeAll(content, nil)
		b, err := syncproto.EncodeMessage(z)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	item := append([]byte{0x82, 0x02, 0x5a, 0x00, 0x09, 0x00, 0x00}, make([]byte, 9<<16)...)
	for name, tail := range map[string][]byte{
		"a frame of 16 EiB":              {0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"a frame of 2 MiB":               {0x5a, 0x00, 0x20, 0x00, 0x00},
		"a frame that unpacks to 64 MiB": frame(make([]byte, 64<<20)),
		"a frame that unpacks to 2 MiB":  frame(make([]byte, 2<<20)),
		"an item over the limit":         frame(item),
	} {
		_, info, err := readBundle(bytes.NewReader(append(bytes.Clone(manifest), tail...)))
		if syncproto.CodeOf(err) != syncproto.CodeTooLarge || info.Complete {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
	for name, file := range map[string][]byte{"nothing": nil, "a picture": []byte("\x89PNG\r\n\x1a\n"), "an empty map": {0xa0}} {
		if _, _, err := readBundle(bytes.NewReader(file)); syncproto.CodeOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnItemTooLargeIsNotWritten(t *testing.T) {
	c := prototest.NewCast(t, 5)
	w, err := syncproto.NewBundleWriter(io.Discard, syncproto.BundleManifest{Kind: syncproto.BundleReceipts}, c.Monitor.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(syncproto.BundleItem{Kind: 1, Content: make([]byte, syncproto.MaxBundleItem+1)}); syncproto.CodeOf(err) != syncproto.CodeTooLarge {
		t.Fatal(err)
	}
	if err := w.Add(syncproto.BundleItem{Kind: 1, Content: make([]byte, syncproto.MaxBundleItem)}); err != nil {
		t.Fatal(err)
	}
}

func TestErrorsOfReaderAndWriterReachTheCaller(t *testing.T) {
	c := prototest.NewCast(t, 6)
	full := errors.New("disk full")
	_, err := syncproto.NewBundleWriter(failing{full}, syncproto.BundleManifest{Kind: syncproto.BundleReceipts}, c.Monitor.Key)
	if !errors.Is(err, full) {
		t.Fatal(err)
	}
	file := writeBundle(t, c.Monitor, mixed(t, c))
	stop := errors.New("stop")
	n := 0
	if _, err := syncproto.ReadBundle(bytes.NewReader(file), func(syncproto.BundleItem) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Fatalf("after %d items: %v", n, err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func FuzzReadBundle(f *testing.F) {
	c := prototest.NewCast(f, 8)
	small := mixed(f, c)
	file := writeBundle(f, c.Monitor, append(small[2:4:4], small[len(small)-2:]...))
	for _, n := range []int{len(file), len(file) / 2, 80} {
		f.Add(file[:n])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		items, info, err := readBundle(bytes.NewReader(b))
		if info.Complete && (err != nil || info.Damage != nil || info.Items != uint64(len(items))) {
			t.Fatalf("%+v, %v, %d items", info, err, len(items))
		}
		if err == nil && !info.Complete && info.Damage == nil {
			t.Fatal("neither complete nor damaged")
		}
	})
}
