package main

import (
	"bytes"
	"image"
	"image/jpeg"
	"os"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdPhoto: "photo FILE PLACE" writes a small JPEG whose EXIF names a place and a camera, lying on its side.
func cmdPhoto(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "usage: photo FILE PLACE")
	var b bytes.Buffer
	img := image.NewRGBA(image.Rect(0, 0, 80, 40))
	for i := range img.Pix {
		img.Pix[i] = 0x80 | byte(i)
	}
	ts.Check(jpeg.Encode(&b, img, nil))
	exif := append([]byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"), args[1]...)
	segment := append([]byte{0xff, 0xe1, 0, byte(len(exif) + 2)}, exif...)
	photo := append(append(bytes.Clone(b.Bytes()[:2]), segment...), b.Bytes()[2:]...)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), photo, 0o600))
}
