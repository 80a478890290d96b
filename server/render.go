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
	b, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return nil, err
	}
	return unpackStrings(c, b)
}

func unpackStrings(c echo.Context, b []byte) (_ [][]byte, err error) {
	if b, err = unpack(c, b); err != nil {
		return nil, err
	}
	return splitStrings(b)
}

// unpack undoes the content encoding of a request.
func unpack(c echo.Context, b []byte) ([]byte, error) {
	switch c.Request().Header.Get(echo.HeaderContentEncoding) {
	case "":
		return b, nil
	case "zstd":
		return decompress(b)
	}
	return nil, syncproto.Refuse(syncproto.CodeMalformed, "reading the request: its encoding must be zstd or none")
}

// readItems reads a body that is a CBOR sequence.
func readItems(c echo.Context) ([][]byte, error) {
	b, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return nil, err
	}
	if b, err = unpack(c, b); err != nil {
		return nil, err
	}
	var out [][]byte
	for len(b) > 0 {
		var item cbor.RawMessage
		rest, err := cbor.UnmarshalFirst(b, &item)
		if err != nil || len(out) == maxStrings {
			return nil, syncproto.Refuse(syncproto.CodeMalformed, "reading the request: item %d is damaged, or there are too many", len(out))
		}
		out, b = append(out, item), rest
	}
	return out, nil
}

// readPackets reads the packets of a push. Only so many requests are unpacked at once; leave ends this one's turn.
func (s *Server) readPackets(c echo.Context) (leave func(), packets [][]byte, err error) {
	ctx := c.Request().Context()
	b, err := io.ReadAll(c.Request().Body) // a slow sender keeps nobody waiting
	if err != nil {
		return nil, nil, err
	}
	select {
	case s.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	leave = func() { <-s.turns }
	if packets, err = unpackStrings(c, b); err != nil {
		leave()
		return nil, nil, err
	}
	return leave, packets, nil
}

func decompress(b []byte) ([]byte, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(syncproto.MaxDecoded), zstd.WithDecoderConcurrency(1))
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
		const indefinite = 0x5f
		if err != nil || b[0]>>5 != 2 || b[0] == indefinite || len(out) == maxStrings {
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

// sendCompressed answers with a CBOR sequence.
func (s *Server) sendCompressed(c echo.Context, body []byte) error {
	c.Response().Header().Set(echo.HeaderContentEncoding, "zstd")
	return c.Blob(http.StatusOK, typeSeq, s.zstd.EncodeAll(body, make([]byte, 0, len(body)/2+1024)))
}
