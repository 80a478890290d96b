package fieldclient

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"path/filepath"
	"testing"
	"time"

	"kua/fieldclient/vault"
	"kua/syncproto"
	"kua/syncproto/seal"
)

var quickKDF = vault.KDF{MemoryKiB: 64, Passes: 1, Lanes: 1}

const passphrase = "seven quiet words for a test"

// team is an organisation whose laptops were enrolled by hand: no server is needed.
type team struct {
	t        testing.TB
	root     ed25519.PrivateKey
	recovery seal.PrivateKey
	roster   *syncproto.Roster
	laptops  []*laptop
}

type laptop struct {
	*Client
	t      testing.TB
	cfg    Config
	name   string
	person syncproto.PersonID
}

func newTeam(t testing.TB) *team {
	_, root, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	recovery, err := seal.GenerateRecipient(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o := &team{t: t, root: root, recovery: recovery, roster: &syncproto.Roster{}}
	o.append(syncproto.RosterRecord{Organisation: &syncproto.Organisation{Name: "NPM", Root: root.Public().(ed25519.PublicKey), Recovery: recovery.Public().Bytes()}})
	return o
}

func (o *team) append(rec syncproto.RosterRecord) {
	o.t.Helper()
	message, err := syncproto.SignRecord(o.root, o.roster.NextRecord(rec))
	if err == nil {
		err = o.roster.Append(message)
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

// laptop makes a person with a role and a laptop.
func (o *team) laptop(name string, role syncproto.Role, region string) *laptop {
	o.t.Helper()
	l := o.client(name)
	id, _ := syncproto.RandomID(rand.Reader)
	grant, _ := syncproto.RandomID(rand.Reader)
	l.person = id
	o.append(syncproto.RosterRecord{Member: &syncproto.Member{Person: id, Name: name}})
	o.append(syncproto.RosterRecord{Grant: &syncproto.Grant{ID: grant, Person: id, Role: role, Region: region}})
	o.append(syncproto.RosterRecord{Device: l.certificate(id, name)})
	return l
}

// second makes another laptop of a person.
func (o *team) second(of *laptop) *laptop {
	o.t.Helper()
	l := o.client(of.name)
	l.person = of.person
	o.append(syncproto.RosterRecord{Device: l.certificate(of.person, of.name+" 2")})
	return l
}

func (o *team) client(name string) *laptop {
	o.t.Helper()
	dir := o.t.TempDir()
	cfg := Config{Vault: vault.Config{Dir: filepath.Join(dir, "data"), StateDir: filepath.Join(dir, "state"), KDF: quickKDF},
		Now: time.Now, Rand: rand.Reader, App: "test"}
	c, _, err := Create(context.Background(), cfg, passphrase)
	if err != nil {
		o.t.Fatal(err)
	}
	l := &laptop{Client: c, t: o.t, cfg: cfg, name: name}
	root := enrolState{Root: o.root.Public().(ed25519.PublicKey)} // as an invitation tells it
	if err := c.vault.InTx(context.Background(), func(tx *vault.Tx) error { return putState(tx, statePending, root) }); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { l.Client.Close() })
	o.laptops = append(o.laptops, l)
	return l
}

// share gives every laptop the newest roster.
func (o *team) share() {
	o.t.Helper()
	for _, l := range o.laptops {
		if err := l.AppendRoster(context.Background(), o.roster.Records(l.Roster().Len())); err != nil {
			o.t.Fatal(err)
		}
	}
}

// reopen locks the laptop and unlocks it again.
func (l *laptop) reopen() {
	l.t.Helper()
	if err := l.Client.Close(); err != nil {
		l.t.Fatal(err)
	}
	l.unlock()
}

func (l *laptop) unlock() {
	l.t.Helper()
	c, err := Open(context.Background(), l.cfg, passphrase)
	if err != nil {
		l.t.Fatal(err)
	}
	l.Client = c
}

// carry brings everything from one laptop to another on a stick.
func carry(t testing.TB, from, to *laptop) BundleReport {
	t.Helper()
	var stick bytes.Buffer
	if _, err := from.ExportBundle(context.Background(), &stick, nil, true); err != nil {
		t.Fatal(err)
	}
	rep, err := to.ImportBundle(context.Background(), &stick)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func (l *laptop) visit(people ...*laptop) syncproto.ScopeID {
	l.t.Helper()
	var ids []syncproto.PersonID
	for _, p := range people {
		ids = append(ids, p.person)
	}
	id, err := l.OpenVisit(context.Background(), "KZ-75", ids, map[string]string{"title": "SIZO visit"})
	if err != nil {
		l.t.Fatal(err)
	}
	return id
}

func field(t testing.TB, kind, name string) *syncproto.FieldSpec {
	t.Helper()
	k, ok := syncproto.KindNamed(kind)
	if !ok {
		t.Fatalf("no kind %q", kind)
	}
	f, err := k.FieldNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (l *laptop) set(visit syncproto.ScopeID, name, value string) {
	l.t.Helper()
	f := field(l.t, "visit", name)
	v, err := f.ParseValue(value)
	if err == nil {
		_, err = l.Set(context.Background(), Target{Scope: visit, Entity: syncproto.EntityID(visit), Field: f}, v)
	}
	if err != nil {
		l.t.Fatalf("%s sets %s: %v", l.name, name, err)
	}
}

// field returns how a field of the visit's record looks on the laptop.
func (l *laptop) field(visit syncproto.ScopeID, name string) FieldView {
	l.t.Helper()
	v, err := l.Record(context.Background(), visit, syncproto.EntityID(visit))
	if err != nil {
		l.t.Fatalf("%s reads the visit: %v", l.name, err)
	}
	for _, f := range v.Fields {
		if f.Name == name {
			return f
		}
	}
	return FieldView{}
}

func (f FieldView) values() []string {
	var out []string
	for _, h := range f.Heads {
		out = append(out, h.Value)
	}
	return out
}
