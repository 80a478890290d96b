package syncproto

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// messages is every message that is decoded by DecodeMessage, filled so that no field is empty.
func messages() []any {
	id, feed, pos := EntityID{1}, FeedID{2}, uint64(1<<40)
	cs := ChangesetID{3}
	return []any{
		&RosterRecord{Version: 1, Index: 3, Prev: Hash{1}, Author: DeviceID{2}, Time: pos, Organisation: &Organisation{"a", []byte{1}, []byte{2}},
			Server: &ServerKey{DeviceID{1}, []byte{1}, "o"}, Member: &Member{PersonID{1}, "n", "p", 20260101, 20270101},
			Device: &Device{DeviceID{1}, []byte{1}, []byte{2}, PersonID{3}, "l"}, Grant: &Grant{id, PersonID{1}, RoleHealth, "r"},
			Revoke: &Revoke{Device: &DeviceID{1}, Grant: &id, Server: &DeviceID{2}, Reason: "r", Cut: []FeedCut{{feed, 4, Short{5}}}}},
		&Receipt{1, DeviceID{1}, Hash{2}, ScopeID{3}, []ReceiptEntry{{cs, 1, Hash{4}, pos, 5}}},
		&Hello{DeviceID{1}, []byte{2}, Hash{3}, 1, 1, pos, "o", Hash{4}, 5, []byte{6}, Limits{1, 2, 3, 4}},
		&Offer{[]FeedHead{{feed, 1, Short{2}}}, Cursor{Hash{1}, 2}},
		&OfferAnswer{[]FeedWant{{feed, 1}}, []FeedHead{{feed, 1, Short{2}}}, true, 1, Hash{2}, []FeedID{feed}},
		&PushAnswer{[]PushResult{{cs, StatusRefused, CodeMalformed, "d", true}}, []byte{1}},
		&PullItem{1, []byte{2}, 3}, &PullEnd{Cursor{Hash{1}, 2}, true, 3}, &ScopeInfo{ScopeID{1}, 2}, &Redaction{cs, []byte{1}, []uint64{2}},
		&IdentityFile{[]byte{1}, []byte{2}}, &IdentityRequest{ScopeID{1}, EntityID{2}, Hash{3}, DeviceID{4}, DeviceID{5}, DeviceID{6}, "r", pos},
		&IdentityOpening{Hash{1}, DeviceID{2}, "r", pos}, &IdentityHalf{[]byte{1}, []byte{2}, []byte{3}}, &IdentityOpened{[]byte{1}, []byte{2}, []byte{3}},
		&SnapshotManifest{ScopeID{1}, Hash{2}, 3, []Chunk{{Hash{1}, 2, 3}}},
		&AttentionItem{id, []string{"heads"}, []Field{2201}, &feed, &cs, CodeFork},
		&HistoryItem{cs, 1, KindSet, DeviceID{1}, PersonID{2}, 3, 4, "head", []string{"x"}, id, 2201},
		&KeyWraps{1, Hash{2}, []KeyWrap{{DeviceID{1}, []byte{2}}}},
		&ScopeOpening{ScopeVisit, "KZ-75", []PersonID{{1}}, Nonce{2}}, &TeamChange{[]PersonID{{1}}},
		&BundleManifest{1, DeviceID{1}, BundleReceipts, 2, 3}, &bundleTrailer{Hash{1}, 2, 3},
	}
}

func TestEveryMessageIsCanonicalAndReadsBack(t *testing.T) {
	for _, m := range messages() {
		b, err := EncodeMessage(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckCanonical(b); err != nil {
			t.Errorf("%T: %v", m, err)
		}
		got := reflect.New(reflect.TypeOf(m).Elem()).Interface()
		if err := DecodeMessage(b, got); err != nil {
			t.Fatalf("%T: %v", m, err)
		}
		if diff := cmp.Diff(m, got); diff != "" {
			t.Errorf("%T: %s", m, diff)
		}
	}
}

func TestAnIdentifierOfAnotherLengthIsRefused(t *testing.T) {
	good, err := EncodeMessage(ScopeInfo{ScopeID{1}, 2})
	if err != nil {
		t.Fatal(err)
	}
	short := bytes.Replace(good, append([]byte{0x50}, make([]byte, 0)...), []byte{0x4f}, 1)
	short = append(short[:17], short[18:]...)
	for name, b := range map[string][]byte{"15 bytes": short, "junk behind": append(bytes.Clone(good), 0), "nothing": nil, "keys twice": {0xa2, 0x02, 0x01, 0x02, 0x01}} {
		var s ScopeInfo
		if err := DecodeMessage(b, &s); CodeOf(err) != CodeMalformed {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

func FuzzDecodeMessage(f *testing.F) {
	all := messages()
	for i, m := range all {
		b, err := EncodeMessage(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), b)
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		kind := reflect.TypeOf(all[int(which)%len(all)]).Elem()
		v := reflect.New(kind)
		if err := DecodeMessage(b, v.Interface()); err != nil {
			return
		}
		once, err := EncodeMessage(v.Interface())
		if err != nil {
			t.Fatal(err)
		}
		again := reflect.New(kind)
		if err := DecodeMessage(once, again.Interface()); err != nil {
			t.Fatalf("%s: what was read cannot be written and read: %v", kind, err)
		}
		twice, err := EncodeMessage(again.Interface())
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s: %x, then %x (%v)", kind, once, twice, err)
		}
	})
}
