// Package picture makes of a photo a picture that shows the same and carries nothing else: no place, time, camera, owner or
// embedded preview. It works in memory and writes nothing.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

// MaxPixels is the largest picture that is decoded: 50 million pixels, whatever its file claims. A progressive JPEG of that
// size takes about 750 MB for a moment.
const MaxPixels = 50_000_000

const quality = 85 // of a JPEG: no difference is seen at twice that size

var (
	// ErrNone says that a file is no picture of a kind that can be shown.
	ErrNone = errors.New("it is no JPEG, PNG, GIF or WebP picture: only the original can be had")
	// ErrTooLarge says that a picture has more than MaxPixels.
	ErrTooLarge = fmt.Errorf("it has more than %d million pixels: only the original can be had", MaxPixels/1_000_000)
)

// format is one kind of file.
type format struct {
	magic  string // ? stands for any byte
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

var formats = []format{
	{"\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode},
	{"\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
	{"GIF8?a", gif.DecodeConfig, gif.Decode},
	{"RIFF????WEBPVP8", webp.DecodeConfig, webp.Decode},
}

// Derive returns the picture in a file, turned upright by the file's own word, with its longest side at most side pixels (0: as it
// is). A photo comes as JPEG, a picture that may be transparent as PNG; of several images the first.
func Derive(r io.ReadSeeker, side int) (b []byte, media string, err error) {
	defer func() { // decoders of others, on files of anybody
		if p := recover(); p != nil {
			b, media, err = nil, "", fmt.Errorf("%w (its decoder failed)", ErrNone)
		}
	}()
	src, turn, err := decode(r)
	if err != nil {
		return nil, "", err
	}
	return encode(upright(fit(src, side), turn))
}

func decode(r io.ReadSeeker) (img image.Image, turn int, err error) {
	head := make([]byte, 16)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	f := formatOf(head[:n])
	if f == nil {
		return nil, 0, ErrNone
	}
	if _, err = r.Seek(0, io.SeekStart); err != nil {
		return nil, 0, err
	}
	cfg, err := f.config(r)
	if err != nil {
		return nil, 0, fmt.Errorf("%w (%w)", ErrNone, err)
	}
	if cfg.Width <= 0 || cfg.Height <= 0 || cfg.Width > MaxPixels/cfg.Height {
		return nil, 0, ErrTooLarge
	}
	if _, err = r.Seek(0, io.SeekStart); err != nil {
		return nil, 0, err
	}
	turn = orientation(r)
	if _, err = r.Seek(0, io.SeekStart); err != nil {
		return nil, 0, err
	}
	if img, err = f.decode(r); err != nil {
		return nil, 0, fmt.Errorf("%w (%w)", ErrNone, err)
	}
	return img, turn, nil
}

func formatOf(head []byte) *format {
	for i, f := range formats {
		if len(head) < len(f.magic) {
			continue
		}
		same := true
		for j := range len(f.magic) {
			same = same && (f.magic[j] == '?' || f.magic[j] == head[j])
		}
		if same {
			return &formats[i]
		}
	}
	return nil
}

// fit makes a picture smaller, never larger.
func fit(src image.Image, side int) image.Image {
	w, h := src.Bounds().Dx(), src.Bounds().Dy()
	longest := max(w, h)
	if side <= 0 || longest <= side {
		return src
	}
	dst := image.NewRGBA(image.Rect(0, 0, max(w*side/longest, 1), max(h*side/longest, 1)))
	draw.BiLinear.Scale(dst, dst.Bounds(), src, src.Bounds(), draw.Src, nil)
	return dst
}

// upright applies an orientation of EXIF (1 to 8, see orientation).
func upright(src image.Image, turn int) image.Image {
	if turn < 2 || turn > 8 {
		return src
	}
	w, h := src.Bounds().Dx(), src.Bounds().Dy()
	in, ok := src.(*image.RGBA)
	if !ok {
		in = image.NewRGBA(image.Rect(0, 0, w, h))
		draw.Draw(in, in.Bounds(), src, src.Bounds().Min, draw.Src)
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	if turn >= 5 {
		out = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			sx, sy := origin(turn, x, y, w, h)
			copy(out.Pix[out.PixOffset(x, y):][:4], in.Pix[in.PixOffset(sx, sy):][:4])
		}
	}
	return out
}

// origin returns where a pixel of the upright picture lies in the stored one, which is w wide and h high.
func origin(turn, x, y, w, h int) (sx, sy int) {
	switch turn {
	case 2: // mirrored
		return w - 1 - x, y
	case 3: // upside down
		return w - 1 - x, h - 1 - y
	case 4: // mirrored upside down
		return x, h - 1 - y
	case 5: // mirrored, lying
		return y, x
	case 6: // lying on its left side
		return y, h - 1 - x
	case 7: // mirrored, lying the other way
		return w - 1 - y, h - 1 - x
	case 8: // lying on its right side
		return w - 1 - y, x
	}
	return x, y
}

// encode writes a picture; the encoders of the standard library add nothing to it.
func encode(img image.Image) ([]byte, string, error) {
	var out bytes.Buffer
	o, ok := img.(interface{ Opaque() bool })
	_, palette := img.(*image.Paletted)
	if !palette && ok && o.Opaque() {
		err := jpeg.Encode(&out, img, &jpeg.Options{Quality: quality})
		return out.Bytes(), "image/jpeg", err
	}
	err := png.Encode(&out, img)
	return out.Bytes(), "image/png", err
}
