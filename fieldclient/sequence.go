package fieldclient

import (
	"bytes"
	"fmt"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"

	"kua/syncproto"
)

// compress returns a CBOR sequence of byte strings as one zstd frame.
func compress(items [][]byte) ([]byte, error) {
	var seq bytes.Buffer
	for _, b := range items {
		e, err := syncproto.EncodeMessage(b)
		if err != nil {
			return nil, err
		}
		seq.Write(e)
	}
	return compressBytes(seq.Bytes())
}

// compressBytes returns one zstd frame.
func compressBytes(b []byte) ([]byte, error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer w.Close()
	return w.EncodeAll(b, nil), nil
}

// decompress opens one zstd frame in bounded memory.
func decompress(b []byte) ([]byte, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(syncproto.MaxDecoded), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	out, err := d.DecodeAll(b, nil)
	if err != nil {
		return nil, fmt.Errorf("decompressing: %w", err)
	}
	return out, nil
}

// maxItems bounds the items of one answer: far more than a page holds, and little memory for items of one byte.
const maxItems = 1 << 17

// sequence splits a CBOR sequence into its items, each checked against the profile.
func sequence(b []byte) ([][]byte, error) {
	var out [][]byte
	for len(b) > 0 {
		if len(out) == maxItems {
			return nil, fmt.Errorf("splitting a sequence: it has more than %d items", maxItems)
		}
		var raw cbor.RawMessage
		rest, err := cbor.UnmarshalFirst(b, &raw)
		if err != nil {
			return nil, fmt.Errorf("splitting a sequence: %w", err)
		}
		out, b = append(out, raw), rest
	}
	return out, nil
}

// byteStrings decodes a CBOR sequence of byte strings.
func byteStrings(b []byte) ([][]byte, error) {
	items, err := sequence(b)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, len(items))
	for i, raw := range items {
		if err := syncproto.DecodeMessage(raw, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func rawSequence(items [][]byte) ([]byte, error) {
	var out []byte
	for _, b := range items {
		e, err := syncproto.EncodeMessage(b)
		if err != nil {
			return nil, err
		}
		out = append(out, e...)
	}
	return out, nil
}
