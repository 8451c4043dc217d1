package order

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMemoryStore(t *testing.T) {
	testStore(t, func(*testing.T) Store { return NewMemoryStore() })
}

// testStore holds a store against what Store promises. Every implementation must pass it; open returns an empty one.
func testStore(t *testing.T, open func(*testing.T) Store) {
	for name, test := range map[string]func(*testing.T, Store){
		"an order comes back as it was kept":            comesBack,
		"an unknown order is not found":                 notFound,
		"ids and keys are the same to the byte":         sameToTheByte,
		"a key keeps the first order":                   keyKeepsFirst,
		"concurrent calls with a key keep one order":    oneOfMany,
		"orders without a key are independent":          noKey,
		"an order is cancelled once":                    cancelledOnce,
		"an unknown order is not cancelled":             cancelsNoOther,
		"pages hold every order once, the newest first": pages,
		"a page can begin where no order is":            pageFromNowhere,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 123456000, time.UTC)

// placed returns an order of one A-1.
func placed(id string, at time.Time) Order {
	return Order{ID: id, SKU: "A-1", Quantity: 1, Status: Placed, Version: 1, CreatedAt: at}
}

func mustCreate(t *testing.T, s Store, o Order, key string) {
	t.Helper()
	if _, _, err := s.Create(t.Context(), o, key); err != nil {
		t.Fatal(err)
	}
}

func comesBack(t *testing.T, s Store) {
	want := Order{ID: "a", SKU: "A-1", Quantity: MaxQuantity, Status: Placed, Version: 1, CreatedAt: noon}
	mustCreate(t, s, want, "")
	got, err := s.Get(t.Context(), "a")
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func notFound(t *testing.T, s Store) {
	for _, id := range []string{"none", "", "'; DROP TABLE orders", strings.Repeat("x", 1000)} {
		if _, err := s.Get(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: got %v", id, err)
		}
	}
}

func sameToTheByte(t *testing.T, s Store) {
	mustCreate(t, s, placed("a", noon), "key")
	for _, id := range []string{"A", "a ", "\u00e0", "\uff41"} {
		if _, err := s.Get(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: got %v", id, err)
		}
	}
	_, created, err := s.Create(t.Context(), placed("A", noon), "KEY")
	if err != nil || !created {
		t.Errorf("another key: created %t, %v", created, err)
	}
}

func keyKeepsFirst(t *testing.T, s Store) {
	first := placed("a", noon)
	mustCreate(t, s, first, "key")
	kept, created, err := s.Create(t.Context(), Order{ID: "b", SKU: "B-2", Quantity: 2, Status: Placed, Version: 1, CreatedAt: noon}, "key")
	if err != nil || created || kept != first {
		t.Errorf("got %+v, %t, %v", kept, created, err)
	}
	if _, err := s.Get(t.Context(), "b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the second order: %v", err)
	}
}

func oneOfMany(t *testing.T, s Store) {
	const calls = 16
	var group sync.WaitGroup
	kept, errs := make([]string, calls), make([]error, calls)
	for i := range calls {
		group.Go(func() {
			o := placed(fmt.Sprint("o", i), noon)
			o, _, errs[i] = s.Create(context.Background(), o, "key")
			kept[i] = o.ID
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	slices.Sort(kept)
	if kept[0] != kept[calls-1] {
		t.Errorf("different orders were kept: %v", kept)
	}
	if all, err := s.List(t.Context(), nil, 100); err != nil || len(all) != 1 {
		t.Errorf("got %v, %v", all, err)
	}
}

func noKey(t *testing.T, s Store) {
	mustCreate(t, s, placed("a", noon), "")
	mustCreate(t, s, placed("b", noon), "")
	if all, err := s.List(t.Context(), nil, 100); err != nil || len(all) != 2 {
		t.Errorf("got %v, %v", all, err)
	}
}

func cancelledOnce(t *testing.T, s Store) {
	want := placed("a", noon)
	mustCreate(t, s, want, "key")
	mustCreate(t, s, placed("b", noon), "")
	want.Status, want.Version = Cancelled, 2

	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got, err := s.Cancel(context.Background(), "a"); err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		})
	}
	group.Wait()
	if got, err := s.Get(t.Context(), "a"); err != nil || got != want {
		t.Errorf("then it is %+v, %v", got, err)
	}
	if kept, _, err := s.Create(t.Context(), placed("c", noon), "key"); err != nil || kept != want {
		t.Errorf("its key has %+v, %v", kept, err)
	}
	if all, err := s.List(t.Context(), nil, 10); err != nil || !slices.Equal(all, []Order{placed("b", noon), want}) {
		t.Errorf("listed %+v, %v", all, err)
	}
}

func cancelsNoOther(t *testing.T, s Store) {
	mustCreate(t, s, placed("a", noon), "")
	for _, id := range []string{"none", "", "A", "a ", strings.Repeat("x", 1000)} {
		if _, err := s.Cancel(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: got %v", id, err)
		}
	}
	if got, err := s.Get(t.Context(), "a"); err != nil || got != placed("a", noon) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func pages(t *testing.T, s Store) {
	var want []string
	for i, at := range []int{3, 1, 2, 1, 1, 0, 3} { // several of the same microsecond
		o := placed(fmt.Sprint("o", i), noon.Add(time.Duration(at)*time.Microsecond))
		mustCreate(t, s, o, "")
		want = append(want, fmt.Sprint(at, o.ID))
	}
	slices.Sort(want)
	slices.Reverse(want)

	var got []string
	var after *Position
	for {
		orders, err := s.List(t.Context(), after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(orders) == 0 {
			break
		}
		for _, o := range orders {
			got = append(got, fmt.Sprint(o.CreatedAt.Sub(noon).Microseconds(), o.ID))
		}
		last := orders[len(orders)-1]
		after = &Position{last.CreatedAt, last.ID}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func pageFromNowhere(t *testing.T, s Store) {
	mustCreate(t, s, placed("b", noon), "")
	for id, want := range map[string]int{"a": 0, "b": 0, "c": 1} {
		if orders, err := s.List(t.Context(), &Position{noon, id}, 10); err != nil || len(orders) != want {
			t.Errorf("after %s: %v, %v", id, orders, err)
		}
	}
}
