package form

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// each hands every element of a part to f, which may read on to that element's end. A missing part has none.
func (x *xlsx) each(name string, f func(*elements, xml.StartElement) error) error {
	file := x.parts[strings.ToLower(name)]
	if file == nil {
		return nil
	}
	rc, err := file.Open()
	if err != nil {
		return fmt.Errorf("%w: %q cannot be unpacked (%v)", ErrNotAForm, file.Name, err)
	}
	defer rc.Close()
	limited := &countedReader{r: rc, left: min(x.left, maxPart)}
	before := limited.left
	d := &elements{dec: xml.NewDecoder(limited), in: limited}
	d.dec.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("the text is in %q, not UTF-8", charset)
	}
	for {
		tok, err := d.next()
		if errors.Is(err, io.EOF) {
			x.left -= before - limited.left
			return nil
		}
		if err == nil {
			if el, ok := tok.(xml.StartElement); ok {
				err = f(d, el)
			}
		}
		if errors.Is(err, ErrNotAForm) || errors.Is(err, ErrTooLarge) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if err != nil {
			return fmt.Errorf("%w: %q is damaged (%v); open it in a spreadsheet program and save it as .xlsx again", ErrNotAForm, file.Name, err)
		}
	}
}

// elements reads XML that may be hostile: neither nested deeply nor with an endless tag or text.
type elements struct {
	dec   *xml.Decoder
	in    *countedReader
	depth int
}

const (
	maxDepth = 64
	maxToken = 512 << 10 // bytes; a full cell of escaped letters is 330,000
)

func (e *elements) next() (xml.Token, error) {
	e.in.token = maxToken
	tok, err := e.dec.Token()
	switch tok.(type) {
	case xml.StartElement:
		if e.depth++; e.depth > maxDepth {
			return nil, fmt.Errorf("%w: its XML is nested more than %d deep; open it in a spreadsheet program and save it as .xlsx again", ErrTooLarge, maxDepth)
		}
	case xml.EndElement:
		e.depth--
	}
	return tok, err
}

// skip reads on to the end of the element whose start was read last.
func (e *elements) skip() error {
	for end := e.depth; e.depth >= end; {
		if _, err := e.next(); err != nil {
			return err
		}
	}
	return nil
}

// countedReader refuses to unpack more than the directory promised or the limits allow, in all or for one token.
type countedReader struct {
	r     io.Reader
	left  int64
	token int64
}

func (c *countedReader) Read(p []byte) (int, error) {
	if c.left <= 0 || c.token <= 0 {
		return 0, fmt.Errorf("%w: it unpacks to more than its limit; open it in a spreadsheet program, delete the sheets that the form does not need, and save it as .xlsx again", ErrTooLarge)
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left, c.token)])
	c.left -= int64(n)
	c.token -= int64(n)
	return n, err
}

func attr(el xml.StartElement, name string) string {
	for _, a := range el.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}
