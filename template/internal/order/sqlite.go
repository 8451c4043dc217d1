package order

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// columns are those of an order, as scanSQLite reads them.
const columns = "id, sku, quantity, status, version, created_at"

// SQLiteStore keeps orders in an SQLite file. Make it with NewSQLiteStore.
type SQLiteStore struct {
	db *sql.DB
}

// NewSQLiteStore returns a store in db; its schema is in migrations/.
func NewSQLiteStore(db *sql.DB) *SQLiteStore { return &SQLiteStore{db: db} }

// Create implements Store. The unique index decides between concurrent calls with the same key.
func (s *SQLiteStore) Create(ctx context.Context, o Order, key string) (Order, bool, error) {
	result, err := s.db.ExecContext(ctx, `
		INSERT INTO orders (id, sku, quantity, status, version, created_at, idempotency_key)
		VALUES (?, ?, ?, ?, ?, ?, NULLIF(?, ''))
		ON CONFLICT (idempotency_key) DO NOTHING`,
		o.ID, o.SKU, o.Quantity, o.Status, o.Version, o.CreatedAt.UnixMicro(), key)
	if err != nil {
		return Order{}, false, fmt.Errorf("insert: %w", sqliteError(err))
	}
	n, err := result.RowsAffected()
	if err != nil {
		return Order{}, false, fmt.Errorf("insert: %w", err)
	}
	if n == 1 {
		return o, true, nil
	}
	first, err := s.one(ctx, `SELECT `+columns+` FROM orders WHERE idempotency_key = ?`, key)
	return first, false, err
}

// Cancel implements Store.
func (s *SQLiteStore) Cancel(ctx context.Context, id string) (Order, error) {
	o, err := s.one(ctx, `
		UPDATE orders SET status = 'cancelled', version = version + 1
		WHERE id = ? AND status <> 'cancelled' RETURNING `+columns, id)
	if errors.Is(err, ErrNotFound) { // or it is cancelled already
		return s.Get(ctx, id)
	}
	return o, err
}

// Get implements Store.
func (s *SQLiteStore) Get(ctx context.Context, id string) (Order, error) {
	return s.one(ctx, `SELECT `+columns+` FROM orders WHERE id = ?`, id)
}

// List implements Store. The row comparison goes straight to the position in the index orders_newest.
func (s *SQLiteStore) List(ctx context.Context, after *Position, limit int) (orders []Order, err error) {
	query := `SELECT ` + columns + ` FROM orders ORDER BY created_at DESC, id DESC LIMIT ?1`
	args := []any{limit}
	if after != nil {
		query = `SELECT ` + columns + ` FROM orders WHERE (created_at, id) < (?2, ?3)
			ORDER BY created_at DESC, id DESC LIMIT ?1`
		args = append(args, after.CreatedAt.UnixMicro(), after.ID)
	}
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("select: %w", sqliteError(err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		o, err := scanSQLite(rows)
		if err != nil {
			return nil, fmt.Errorf("select: %w", sqliteError(err))
		}
		orders = append(orders, o)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("select: %w", sqliteError(err))
	}
	return orders, nil
}

func (s *SQLiteStore) one(ctx context.Context, query string, arg string) (Order, error) {
	o, err := scanSQLite(s.db.QueryRowContext(ctx, query, arg))
	if err != nil {
		return Order{}, fmt.Errorf("query: %w", sqliteError(err))
	}
	return o, nil
}

// scanSQLite reads one row; SQLite has no type for times, so they are microseconds since 1970.
func scanSQLite(row interface{ Scan(...any) error }) (Order, error) {
	var o Order
	var micros int64
	if err := row.Scan(&o.ID, &o.SKU, &o.Quantity, &o.Status, &o.Version, &micros); err != nil {
		return Order{}, err
	}
	o.CreatedAt = time.UnixMicro(micros).UTC()
	return o, nil
}

// sqliteError adds what the error means to the caller (https://sqlite.org/rescode.html). The low byte is the primary
// code.
func sqliteError(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var failure *sqlite.Error
	if errors.As(err, &failure) {
		switch failure.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
			sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT:
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	return err
}
