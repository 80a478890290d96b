package fieldclient

import (
	"bytes"
	"crypto/rand"
	"image"
	"image/jpeg"
	mrand "math/rand/v2"
	"testing"

	"kua/fieldclient/picture"
	"kua/syncproto"
)

// BenchmarkAddEvidence seals a photo of 4 MiB and makes it and its record durable.
func BenchmarkAddEvidence(b *testing.B) {
	o := newTeam(b)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit()
	original := make([]byte, 4<<20)
	rand.Read(original)
	b.SetBytes(int64(len(original)))
	for b.Loop() {
		if _, err := saule.AddEvidence(b.Context(), visit, Evidence{}, bytes.NewReader(original)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDerive makes a view of 1280 pixels of a photo of 12 million.
func BenchmarkDerive(b *testing.B) {
	img := image.NewRGBA(image.Rect(0, 0, 4000, 3000))
	for i := range img.Pix {
		img.Pix[i] = byte(i/4000) ^ byte(mrand.IntN(16))
	}
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, img, nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := picture.Derive(bytes.NewReader(photo.Bytes()), 1280); err != nil {
			b.Fatal(err)
		}
	}
}
