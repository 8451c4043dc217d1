package order

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// columns are those of an order, as scanPostgres reads them.
const columns = "id, sku, quantity, status, version, created_at"

// PostgresStore keeps orders in PostgreSQL. Make it with NewPostgresStore.
type PostgresStore struct {
	db postgresDB
}

// postgresDB is what a pool and a transaction have in common.
type postgresDB interface {
	Exec(ctx context.Context, statement string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

// NewPostgresStore returns a store in the database that db leads to, a pool or a transaction; its schema is in
// migrations/.
func NewPostgresStore(db postgresDB) *PostgresStore { return &PostgresStore{db: db} }

// Create implements Store. The unique index decides between concurrent calls with the same key: a later one waits for
// the first to commit and then finds its order.
func (s *PostgresStore) Create(ctx context.Context, o Order, key string) (Order, bool, error) {
	tag, err := s.db.Exec(ctx, `
		INSERT INTO orders (id, sku, quantity, status, version, created_at, idempotency_key)
		VALUES ($1, $2, $3, $4, $5, $6, NULLIF($7, ''))
		ON CONFLICT (idempotency_key) DO NOTHING`,
		o.ID, o.SKU, o.Quantity, o.Status, o.Version, o.CreatedAt, key)
	if err != nil {
		return Order{}, false, fmt.Errorf("insert: %w", postgresError(err))
	}
	if tag.RowsAffected() == 1 {
		return o, true, nil
	}
	first, err := s.one(ctx, `SELECT `+columns+` FROM orders WHERE idempotency_key = $1`, key)
	return first, false, err
}

// Cancel implements Store.
func (s *PostgresStore) Cancel(ctx context.Context, id string) (Order, error) {
	o, err := s.one(ctx, `
		UPDATE orders SET status = 'cancelled', version = version + 1
		WHERE id = $1 AND status <> 'cancelled' RETURNING `+columns, id)
	if errors.Is(err, ErrNotFound) { // or it is cancelled already
		return s.Get(ctx, id)
	}
	return o, err
}

// Get implements Store.
func (s *PostgresStore) Get(ctx context.Context, id string) (Order, error) {
	return s.one(ctx, `SELECT `+columns+` FROM orders WHERE id = $1`, id)
}

// List implements Store. The row comparison goes straight to the position in the index orders_newest.
func (s *PostgresStore) List(ctx context.Context, after *Position, limit int) ([]Order, error) {
	query := `SELECT ` + columns + ` FROM orders ORDER BY created_at DESC, id DESC LIMIT $1`
	args := []any{limit}
	if after != nil {
		query = `SELECT ` + columns + ` FROM orders WHERE (created_at, id) < ($2, $3)
			ORDER BY created_at DESC, id DESC LIMIT $1`
		args = append(args, after.CreatedAt, after.ID)
	}
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("select: %w", postgresError(err))
	}
	orders, err := pgx.CollectRows(rows, scanPostgres)
	if err != nil {
		return nil, fmt.Errorf("select: %w", postgresError(err))
	}
	return orders, nil
}

func (s *PostgresStore) one(ctx context.Context, query string, arg string) (Order, error) {
	rows, err := s.db.Query(ctx, query, arg)
	if err != nil {
		return Order{}, fmt.Errorf("query: %w", postgresError(err))
	}
	o, err := pgx.CollectExactlyOneRow(rows, scanPostgres)
	if err != nil {
		return Order{}, fmt.Errorf("query: %w", postgresError(err))
	}
	return o, nil
}

func scanPostgres(row pgx.CollectableRow) (Order, error) {
	var o Order
	err := row.Scan(&o.ID, &o.SKU, &o.Quantity, &o.Status, &o.Version, &o.CreatedAt)
	o.CreatedAt = o.CreatedAt.UTC()
	return o, err
}

// postgresError adds what the error means to the caller. An error that is not the server's own is one of the
// connection; of the server's, some classes pass (PostgreSQL documentation, appendix A).
func postgresError(err error) error {
	var server *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ErrNotFound
	case errors.As(err, &server) && !passing(server.Code):
		return err
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// passing reports whether an SQLSTATE may go away by itself: connection lost (08), out of resources (53), shutdown or
// start-up (57P), and a table that is not there because the migrations have not run (42P01).
func passing(code string) bool {
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "53") || strings.HasPrefix(code, "57P") ||
		code == "42P01"
}
