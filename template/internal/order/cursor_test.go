package order

import (
	"strings"
	"testing"
	"time"
)

func TestACursorComesBack(t *testing.T) {
	for _, want := range []Position{{noon, "ABC"}, {time.UnixMicro(0), strings.Repeat("a", 64)}, {noon, "a-b_1"}} {
		got, err := decodeCursor(encodeCursor(want))
		if err != nil || !got.CreatedAt.Equal(want.CreatedAt) || got.ID != want.ID {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

func TestAMadeUpCursorIsRefused(t *testing.T) {
	for _, cursor := range []string{
		"", "1", "1.", ".a", "x.a", "01.a", "1.a b", "1.a.b", "1.\x00", "9223372036854775807.a", "-1.a", "+1.a", "1.ä", "%%%",
		"1." + strings.Repeat("a", 65),
	} {
		if p, err := decodeCursor(cursor); err == nil {
			t.Errorf("%q gave %v", cursor, p)
		}
	}
}
