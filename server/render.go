package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"
	"github.com/labstack/echo/v4"

	"kua/syncproto"
)

const (
	typeCBOR = "application/cbor"
	typeSeq  = "application/cbor-seq"
	typeJSON = "application/json"
)

// render answers with one message: CBOR, or JSON where the request prefers it.
func render(c echo.Context, v any) error {
	if strings.Contains(c.Request().Header.Get(echo.HeaderAccept), typeJSON) {
		b, err := jsonBytes(v)
		if err != nil {
			return err
		}
		return c.Blob(http.StatusOK, typeJSON, b)
	}
	b, err := syncproto.EncodeMessage(v)
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, typeCBOR, b)
}

func jsonBytes(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// readMessage decodes the body of a request.
func readMessage(c echo.Context, v any) error {
	b, err := io.ReadAll(c.Request().Body) // bounded by the door
	if err != nil {
		return err
	}
	return syncproto.DecodeMessage(b, v)
}

// readStrings reads a body that is a CBOR sequence of byte strings, compressed with zstd or not. Memory is bounded
// whatever the body claims.
func readStrings(c echo.Context) ([][]byte, error) {
	r := c.Request()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	switch r.Header.Get(echo.HeaderContentEncoding) {
	case "":
	case "zstd":
		if b, err = decompress(b); err != nil {
			return nil, err
		}
	default:
		return nil, syncproto.Refuse(syncproto.CodeMalformed, "reading the request: its encoding must be zstd or none")
	}
	return splitStrings(b)
}

func decompress(b []byte) ([]byte, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(syncproto.MaxDecoded), zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(false))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	out, err := dec.DecodeAll(b, nil)
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded), len(out) > syncproto.MaxDecoded:
		return nil, syncproto.Refuse(syncproto.CodeTooLarge, "reading the request: it unpacks to more than %d bytes", syncproto.MaxDecoded)
	case err != nil:
		return nil, syncproto.Refuse(syncproto.CodeMalformed, "reading the request: its zstd frame is damaged: send it again")
	}
	return out, nil
}

// maxStrings bounds the items of one request; no honest request has so many.
const maxStrings = 1 << 16

func splitStrings(b []byte) ([][]byte, error) {
	var out [][]byte
	for len(b) > 0 {
		var item []byte
		rest, err := cbor.UnmarshalFirst(b, &item)
		if err != nil || b[0]>>5 != 2 || len(out) == maxStrings {
			return nil, syncproto.Refuse(syncproto.CodeMalformed, "reading the request: item %d is no byte string, or there are too many", len(out))
		}
		out, b = append(out, item), rest
	}
	return out, nil
}

// appendString appends a byte string to a CBOR sequence.
func appendString(b, item []byte) ([]byte, error) {
	enc, err := cbor.Marshal(item)
	return append(b, enc...), err
}
