package picture

import (
	"bufio"
	"encoding/binary"
	"io"
)

const (
	maxSegments  = 64 // of a JPEG before its picture
	maxEntries   = 512
	tagTurn      = 0x0112 // Orientation, EXIF 2.32 §4.6.5
	typeShort    = 3
	markerAPP1   = 0xe1
	markerSOI    = 0xd8
	markerSOS    = 0xda
	exifPreamble = "Exif\x00\x00"
)

// orientation returns how a JPEG says that it was held, 1 (upright) to 8; 1 where it says nothing that can be read.
func orientation(r io.Reader) int {
	b := bufio.NewReader(r)
	for range maxSegments {
		marker, size, ok := segment(b)
		switch {
		case !ok || marker == markerSOS:
			return 1
		case marker == markerSOI:
			continue
		case marker != markerAPP1:
			if _, err := b.Discard(size); err != nil {
				return 1
			}
			continue
		}
		content := make([]byte, size) // at most 64 KiB
		if _, err := io.ReadFull(b, content); err != nil {
			return 1
		}
		if len(content) > len(exifPreamble) && string(content[:len(exifPreamble)]) == exifPreamble {
			return turnOf(content[len(exifPreamble):])
		}
	}
	return 1
}

// segment reads the head of the next segment of a JPEG.
func segment(b *bufio.Reader) (marker byte, size int, ok bool) {
	var head [2]byte
	if _, err := io.ReadFull(b, head[:]); err != nil || head[0] != 0xff {
		return 0, 0, false
	}
	for head[1] == 0xff { // fill bytes
		next, err := b.ReadByte()
		if err != nil {
			return 0, 0, false
		}
		head[1] = next
	}
	if head[1] == markerSOI {
		return markerSOI, 0, true
	}
	var length [2]byte
	if _, err := io.ReadFull(b, length[:]); err != nil {
		return 0, 0, false
	}
	size = int(binary.BigEndian.Uint16(length[:])) - 2
	return head[1], size, size >= 0
}

// turnOf finds the orientation in the first directory of a TIFF block.
func turnOf(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.BigEndian
	if string(tiff[:2]) == "II" {
		order = binary.LittleEndian
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return 1
	}
	n := order.Uint16(tiff[at:])
	entries := tiff[at+2:]
	for i := range min(int(n), maxEntries, len(entries)/12) {
		e := entries[12*i:]
		if order.Uint16(e) == tagTurn && order.Uint16(e[2:]) == typeShort {
			if turn := int(order.Uint16(e[8:])); turn >= 1 && turn <= 8 {
				return turn
			}
		}
	}
	return 1
}
