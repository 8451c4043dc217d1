package order

import (
	"encoding/base64"
	"testing"
)

func TestACursorComesBack(t *testing.T) {
	want := Position{noon, "ABC"}
	got, err := decodeCursor(encodeCursor(want))
	if err != nil || !got.CreatedAt.Equal(want.CreatedAt) || got.ID != want.ID {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAMadeUpCursorIsRefused(t *testing.T) {
	for _, content := range []string{
		"", "1", "1.", ".a", "x.a", "01.a", "1.a b", "1.\x00", "9223372036854775807.a", "-1.a",
	} {
		if p, err := decodeCursor(base64.RawURLEncoding.EncodeToString([]byte(content))); err == nil {
			t.Errorf("%q gave %v", content, p)
		}
	}
	if _, err := decodeCursor("%%%"); err == nil {
		t.Error("no error")
	}
}
