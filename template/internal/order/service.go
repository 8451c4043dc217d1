package order

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"
)

// Store keeps orders. Its errors wrap ErrNotFound and ErrUnavailable where they apply.
type Store interface {
	// Create keeps o and returns it. If key is not empty and an order was kept with it before, it returns that one
	// and false. Of concurrent calls with the same key exactly one keeps its order.
	Create(ctx context.Context, o Order, key string) (kept Order, created bool, err error)
	// Cancel makes the order with this id a cancelled one, of the next version, and returns it; one that is cancelled
	// already stays as it is. Without such an order the error is ErrNotFound.
	Cancel(ctx context.Context, id string) (Order, error)
	// Get returns the order with this id, or ErrNotFound.
	Get(ctx context.Context, id string) (Order, error)
	// List returns at most limit orders, the newest first, from after on; nil is the beginning.
	List(ctx context.Context, after *Position, limit int) ([]Order, error)
}

// Service takes orders by the rules. Make it with NewService.
type Service struct {
	store Store
	now   func() time.Time
	newID func() string
}

// NewService returns a service that keeps its orders in store.
func NewService(store Store) *Service {
	return &Service{store: store, now: time.Now, newID: rand.Text}
}

// Place takes an order; the draft must have passed Rules.Check. With a key that was used before for the same draft it
// returns the first order and replayed = true; for another draft the error is ErrKeyReused.
func (s *Service) Place(ctx context.Context, d Draft, key string) (o Order, replayed bool, err error) {
	o = Order{
		ID:        s.newID(),
		SKU:       d.SKU,
		Quantity:  d.Quantity,
		Status:    Placed,
		Version:   1,
		CreatedAt: s.now().UTC().Truncate(time.Microsecond),
	}
	kept, created, err := s.store.Create(ctx, o, key)
	if err != nil {
		return Order{}, false, fmt.Errorf("place order: %w", err)
	}
	if !created && (kept.SKU != d.SKU || kept.Quantity != d.Quantity) {
		return Order{}, false, ErrKeyReused
	}
	return kept, !created, nil
}

// Cancel cancels the order with this id and returns it, also where it was cancelled before; or ErrNotFound.
func (s *Service) Cancel(ctx context.Context, id string) (Order, error) {
	o, err := s.store.Cancel(ctx, id)
	if err != nil {
		return Order{}, fmt.Errorf("cancel order: %w", err)
	}
	return o, nil
}

// Get returns the order with this id, or ErrNotFound.
func (s *Service) Get(ctx context.Context, id string) (Order, error) {
	o, err := s.store.Get(ctx, id)
	if err != nil {
		return Order{}, fmt.Errorf("get order: %w", err)
	}
	return o, nil
}

// List returns at most limit orders from after on, the newest first, and where the next page begins: nil if there is
// none.
func (s *Service) List(ctx context.Context, after *Position, limit int) ([]Order, *Position, error) {
	orders, err := s.store.List(ctx, after, limit+1) // one more tells whether there is a next page
	if err != nil {
		return nil, nil, fmt.Errorf("list orders: %w", err)
	}
	if len(orders) <= limit {
		return orders, nil, nil
	}
	last := orders[limit-1]
	return orders[:limit], &Position{CreatedAt: last.CreatedAt, ID: last.ID}, nil
}
