package paging

import (
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 123456000, time.UTC)

func TestACursorComesBack(t *testing.T) {
	for _, want := range []Position{{noon, "ABC"}, {time.UnixMicro(0), strings.Repeat("a", 64)}, {noon, "a-b_1"}} {
		got, err := ParseCursor(want.Cursor())
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
		if p, err := ParseCursor(cursor); err == nil {
			t.Errorf("%q gave %v", cursor, p)
		}
	}
}

func TestTheNewestComesFirst(t *testing.T) {
	list := []Position{{noon, "a"}, {noon.Add(time.Second), "a"}, {noon, "b"}}
	slices.SortFunc(list, Position.Compare)
	if want := []Position{{noon.Add(time.Second), "a"}, {noon, "b"}, {noon, "a"}}; !slices.Equal(list, want) {
		t.Errorf("got %v", list)
	}
}

func TestThereIsANextPageWhereThereIsMore(t *testing.T) {
	position := func(id string) Position { return Position{noon, id} }
	if items, next := Cut([]string{"c", "b", "a"}, 2, position); len(items) != 2 || *next != position("b") {
		t.Errorf("got %v, %v", items, next)
	}
	if items, next := Cut([]string{"b", "a"}, 2, position); len(items) != 2 || next != nil {
		t.Errorf("a full page: got %v, %v", items, next)
	}
}
