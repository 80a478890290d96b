package picture

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
)

const secret = "51.1605N 71.4704E KanarCamera"

// corner is a picture with one red corner, at its upper left.
func corner(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, color.RGBA{255, 255, 255, 255})
			if x < w/2 && y < h/2 {
				img.SetRGBA(x, y, color.RGBA{255, 0, 0, 255})
			}
		}
	}
	return img
}

func jpegOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// exif is a TIFF block with an orientation and a text of the camera.
func exif(order binary.AppendByteOrder, turn uint16) []byte {
	b := []byte("II*\x00")
	if order.AppendUint16(nil, 1)[0] == 0 {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint32(order.AppendUint32(order.AppendUint16(order.AppendUint16(b, 0x010f), 2), uint32(len(secret))), 38)
	b = order.AppendUint16(order.AppendUint16(order.AppendUint32(order.AppendUint16(order.AppendUint16(b, tagTurn), typeShort), 1), turn), 0)
	return append(order.AppendUint32(b, 0), secret...)
}

// with puts segments behind the first two bytes of a JPEG.
func with(b []byte, segments ...[]byte) []byte {
	out := bytes.Clone(b[:2])
	for _, s := range segments {
		out = append(out, 0xff, s[0])
		out = binary.BigEndian.AppendUint16(out, uint16(len(s)+1))
		out = append(out, s[1:]...)
	}
	return append(out, b[2:]...)
}

func app1(tiff []byte) []byte {
	return append([]byte{markerAPP1}, append([]byte(exifPreamble), tiff...)...)
}

func derive(t *testing.T, b []byte, side int) (image.Image, string) {
	t.Helper()
	out, media, err := Derive(bytes.NewReader(b), side)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out, []byte(secret)) || bytes.Contains(out, []byte("Exif")) || bytes.Contains(out, []byte("Kanar")) {
		t.Fatal("what the file carried is in the derived picture")
	}
	img, format, err := image.Decode(bytes.NewReader(out))
	if err != nil || "image/"+format != media {
		t.Fatal(format, media, err)
	}
	return img, media
}

func red(img image.Image, x, y int) bool {
	r, g, _, _ := img.At(x, y).RGBA()
	return r > 0xc000 && g < 0x4000
}

func TestAPhotoIsTurnedUprightAndLosesWhatItCarries(t *testing.T) {
	// Where the red corner comes to lie, seen from the upper left: x and y in halves.
	places := map[uint16][2]int{1: {0, 0}, 2: {1, 0}, 3: {1, 1}, 4: {0, 1}, 5: {0, 0}, 6: {1, 0}, 7: {1, 1}, 8: {0, 1}}
	plain := jpegOf(t, corner(64, 32))
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for turn, want := range places {
			b := with(plain, append([]byte{0xe0}, "JFIF\x00"...), app1(exif(order, turn)), append([]byte{0xfe}, secret...))
			if !bytes.Contains(b, []byte(secret)) {
				t.Fatal("the test's photo carries nothing")
			}
			img, media := derive(t, b, 0)
			w, h := img.Bounds().Dx(), img.Bounds().Dy()
			if turn >= 5 {
				w, h = h, w
			}
			if w != 64 || h != 32 || media != "image/jpeg" {
				t.Errorf("turn %d: %v %s", turn, img.Bounds(), media)
			}
			w, h = img.Bounds().Dx(), img.Bounds().Dy()
			for y := range 2 {
				for x := range 2 {
					if red(img, w/4+x*w/2, h/4+y*h/2) != (want == [2]int{x, y}) {
						t.Errorf("%v, turn %d: the corner at %d %d", order, turn, x, y)
					}
				}
			}
		}
	}
}

func TestThePictureFitsAndIsNeverMadeLarger(t *testing.T) {
	for _, c := range []struct{ w, h, side, wantW, wantH int }{
		{400, 200, 100, 100, 50}, {200, 400, 100, 50, 100}, {80, 40, 100, 80, 40}, {3000, 2, 100, 100, 1}, {64, 64, 0, 64, 64},
	} {
		img, _ := derive(t, jpegOf(t, corner(c.w, c.h)), c.side)
		if got := img.Bounds(); got.Dx() != c.wantW || got.Dy() != c.wantH {
			t.Errorf("%dx%d in %d: %v", c.w, c.h, c.side, got)
		}
	}
}

func TestTextInOtherPicturesIsLostToo(t *testing.T) {
	var b bytes.Buffer
	img := corner(40, 40)
	img.SetRGBA(39, 39, color.RGBA{})
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	text := append([]byte("tEXtLocation\x00"), secret...)
	chunk := append(binary.BigEndian.AppendUint32(nil, uint32(len(text)-4)), text...)
	chunk = fixSum(append(chunk, 0, 0, 0, 0))
	withText := append(append(bytes.Clone(b.Bytes()[:33]), chunk...), b.Bytes()[33:]...)
	if got, media := derive(t, withText, 20); media != "image/png" || got.Bounds().Dx() != 20 || !red(got, 4, 4) {
		t.Errorf("%s %v", media, got.Bounds())
	}
	b.Reset()
	pal := image.NewPaletted(image.Rect(0, 0, 10, 10), color.Palette{color.White, color.RGBA{255, 0, 0, 255}})
	if err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{pal}, Delay: []int{0}}); err != nil {
		t.Fatal(err)
	}
	comment := append([]byte{0x21, 0xfe, byte(len(secret))}, secret...)
	g := b.Bytes()
	at := bytes.Index(g, []byte{0x2c, 0, 0, 0, 0, 10, 0, 10, 0}) // the image's descriptor
	withComment := append(append(bytes.Clone(g[:at]), append(comment, 0)...), g[at:]...)
	if _, media := derive(t, withComment, 0); media != "image/png" {
		t.Error(media)
	}
	webp, err := base64.StdEncoding.DecodeString("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")
	if err != nil {
		t.Fatal(err)
	}
	if img, _ := derive(t, webp, 0); img.Bounds().Dx() != 1 {
		t.Error(img.Bounds())
	}
}

// fixSum writes the CRC of a PNG chunk.
func fixSum(chunk []byte) []byte {
	crc := ^uint32(0)
	for _, c := range chunk[4 : len(chunk)-4] {
		crc ^= uint32(c)
		for range 8 {
			crc = crc>>1 ^ 0xedb88320&-(crc&1)
		}
	}
	binary.BigEndian.PutUint32(chunk[len(chunk)-4:], ^crc)
	return chunk
}

func TestABombIsRefusedBeforeItIsDecoded(t *testing.T) {
	var b bytes.Buffer
	if err := png.Encode(&b, corner(8, 8)); err != nil {
		t.Fatal(err)
	}
	bomb := b.Bytes()
	binary.BigEndian.PutUint32(bomb[16:], 60_000)
	binary.BigEndian.PutUint32(bomb[20:], 60_000)
	fixSum(bomb[8:33])
	if _, _, err := Derive(bytes.NewReader(bomb), 100); !errors.Is(err, ErrTooLarge) {
		t.Errorf("3,600 million pixels: %v", err)
	}
}

func TestWhatIsNoPictureHasNoView(t *testing.T) {
	photo := jpegOf(t, corner(64, 64))
	for name, b := range map[string][]byte{
		"nothing": nil, "a word": []byte("word"), "sound": []byte("ID3\x04\x00" + strings.Repeat("x", 100)),
		"half a photo": photo[:len(photo)/2], "only a head": photo[:4], "PDF": []byte("%PDF-1.7 and more of it"),
	} {
		if _, _, err := Derive(bytes.NewReader(b), 100); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDerive(f *testing.F) {
	f.Add(with(jpegOf(f, corner(8, 8)), app1(exif(binary.LittleEndian, 6))))
	f.Add([]byte("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00/\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, _, err := Derive(bytes.NewReader(b), 16); err == nil && len(out) == 0 {
			t.Fatal("an empty picture")
		}
	})
}

func FuzzTurn(f *testing.F) {
	f.Add(exif(binary.BigEndian, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := turnOf(b); n < 1 || n > 8 {
			t.Fatal(n)
		}
	})
}
