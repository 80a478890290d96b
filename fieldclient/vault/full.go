package vault

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrFull says that the disk takes no more. What was saved before is as it was.
var ErrFull = errors.New("the disk is full")

// full marks the errors that mean it: of SQLite (13 is SQLITE_FULL) and of the system.
func full(err error) error {
	if err == nil || errors.Is(err, ErrFull) {
		return err
	}
	var lite interface {
		error
		Code() int
	}
	if errors.As(err, &lite) && lite.Code()&0xff == 13 || diskFull(err) {
		return fmt.Errorf("%w (%w)", ErrFull, err)
	}
	return err
}

// roomBlock is by how much a reserve grows and shrinks, in bytes.
const roomBlock = 64 << 10

// Reserve sets room aside on the disk, n bytes altogether, for what is still to be written: the end of this attachment and
// its record. Where the disk takes no more, a write draws on it. ErrFull where there is not so much. Release gives it back.
func (w *BlobWriter) Reserve(n int64) error {
	if err := w.v.enter(); err != nil {
		return err
	}
	defer w.v.leave()
	if w.room == nil {
		f, err := w.v.newBlobFile() // a crash leaves it to the next start, as it does the attachment
		if err != nil {
			return full(err)
		}
		w.room = f
	}
	if _, err := w.room.Seek(w.reserved, io.SeekStart); err != nil {
		return err
	}
	for block := make([]byte, roomBlock); w.reserved < n; {
		if _, err := w.v.cfg.Rand.Read(block); err != nil { // a file system may keep no room for zeros
			return err
		}
		written, err := w.room.Write(block)
		w.reserved += int64(written)
		if err != nil {
			return full(fmt.Errorf("keeping room for an attachment: %w", err))
		}
	}
	return nil
}

// Release gives back what was reserved.
func (w *BlobWriter) Release() error {
	if w.room == nil {
		return nil
	}
	err := errors.Join(w.room.Close(), os.Remove(w.room.Name()))
	w.room, w.reserved = nil, 0
	return err
}
