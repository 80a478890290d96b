package syncproto

import (
	"fmt"
)

// BodyForm says how the values of a packet are carried (docs/protocol.md §2).
type BodyForm uint8

// The forms of a body.
const (
	BodyWithheld BodyForm = 0 // no values: an erasure is known and no redacted form has come yet
	BodyPlain    BodyForm = 1 // values in clear: registry scope
	BodySealed   BodyForm = 2 // values in one AEAD box under the visit key
)

// Body is the third part of a packet. Content is the encoded values (BodyPlain) or the box (BodySealed).
type Body struct {
	Form    BodyForm
	Content []byte
}

// Values are the values of one changeset in the order of its operations.
type Values struct {
	Leaves []ValueLeaf
	seed   *[32]byte // present while nothing was erased: the salts are derived from it
}

// NewValues returns salted values. seed is 32 random bytes; each value is one canonical CBOR item.
func NewValues(seed [32]byte, values [][]byte) Values {
	v := Values{Leaves: make([]ValueLeaf, len(values)), seed: &seed}
	for i, b := range values {
		v.Leaves[i] = ValueLeaf{Salt: saltAt(&seed, i), Value: b}
	}
	return v
}

// Redact returns the values without those at the given indexes: their salt and value are dropped, their leaf hash
// stays, so that the signed root still verifies (docs/protocol.md §2, I12).
func (v Values) Redact(erase map[int]bool) Values {
	out := Values{Leaves: make([]ValueLeaf, len(v.Leaves))}
	for i, l := range v.Leaves {
		if erase[i] && !l.Erased {
			l = ValueLeaf{Hash: leafHash(i, l.Salt, l.Value), Erased: true}
		}
		out.Leaves[i] = l
	}
	return out
}

// Encode returns the content of a plain body, or what is sealed in a sealed one: [seed, [value…]], or after an
// erasure [null, [[salt, value] | leaf hash …]].
func (v Values) Encode() []byte {
	b := appendArray(make([]byte, 0, 64+v.size()), 2)
	if v.seed == nil {
		return v.appendRedacted(append(b, cborNull))
	}
	b = appendBytes(b, v.seed[:])
	b = appendArray(b, len(v.Leaves))
	for _, l := range v.Leaves {
		b = append(b, l.Value...)
	}
	return b
}

func (v Values) appendRedacted(b []byte) []byte {
	b = appendArray(b, len(v.Leaves))
	for _, l := range v.Leaves {
		if l.Erased {
			b = appendBytes(b, l.Hash[:])
			continue
		}
		b = appendArray(b, 2)
		b = appendBytes(b, l.Salt[:])
		b = append(b, l.Value...)
	}
	return b
}

func (v Values) size() (n int) {
	for _, l := range v.Leaves {
		n += len(l.Value) + 36
	}
	return n
}

// DecodeValues parses what Encode returns and checks it against the value root that was signed.
func DecodeValues(content []byte, count int, root Hash) (Values, error) {
	v, err := decodeValues(content, count)
	if err != nil {
		return Values{}, Refuse(CodeMalformed, "decoding values: %w", err)
	}
	if ValueRoot(v.Leaves) != root {
		return Values{}, Refuse(CodeBadValues, "checking values: they do not lead to the signed root")
	}
	return v, nil
}

func decodeValues(content []byte, count int) (Values, error) {
	var v Values
	c := cursor{b: content}
	if n, err := c.array(2); err != nil || n != 2 {
		return v, fmt.Errorf("want an array of two (%w)", orShort(err))
	}
	if !c.null() {
		v.seed = new([32]byte)
		if err := c.fixed(v.seed[:]); err != nil {
			return v, err
		}
	}
	n, err := c.array(MaxOps)
	if err != nil {
		return v, err
	}
	if n != count {
		return v, fmt.Errorf("want %d values, got %d", count, n)
	}
	v.Leaves = make([]ValueLeaf, n)
	for i := range v.Leaves {
		if err := v.decodeLeaf(&c, i); err != nil {
			return v, fmt.Errorf("value %d: %w", i, err)
		}
	}
	if !c.done() {
		return v, fmt.Errorf("bytes follow the values")
	}
	return v, nil
}

func (v *Values) decodeLeaf(c *cursor, i int) (err error) {
	l := &v.Leaves[i]
	if v.seed != nil {
		l.Salt = saltAt(v.seed, i)
		l.Value, err = c.raw()
		return err
	}
	if c.off < len(c.b) && c.b[c.off]>>5 == majorBytes {
		l.Erased = true
		return c.fixed(l.Hash[:])
	}
	if n, err := c.array(2); err != nil || n != 2 {
		return fmt.Errorf("want [salt, value] (%w)", orShort(err))
	}
	if err := c.fixed(l.Salt[:]); err != nil {
		return err
	}
	l.Value, err = c.raw()
	return err
}

func orShort(err error) error {
	if err == nil {
		return errShort
	}
	return err
}

func (b Body) append(dst []byte) []byte {
	if b.Form == BodyWithheld {
		return appendUint(appendArray(dst, 1), uint64(BodyWithheld))
	}
	return appendBytes(appendUint(appendArray(dst, 2), uint64(b.Form)), b.Content)
}

func parseBody(b []byte) (Body, error) {
	c := cursor{b: b}
	n, err := c.array(2)
	if err != nil {
		return Body{}, err
	}
	form, err := c.uint()
	if err != nil {
		return Body{}, err
	}
	body := Body{Form: BodyForm(form)}
	switch {
	case form == uint64(BodyWithheld) && n == 1:
	case (form == uint64(BodyPlain) || form == uint64(BodySealed)) && n == 2:
		body.Content, err = c.bytes()
	default:
		return Body{}, fmt.Errorf("unknown body form %d with %d elements", form, n)
	}
	if err == nil && !c.done() {
		err = fmt.Errorf("bytes follow the body")
	}
	return body, err
}
