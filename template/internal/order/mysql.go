package order

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// The numbers of errors that mean something here (MySQL 8.4 error message reference; MariaDB has the same).
const (
	duplicateEntry = 1062
	deadlock       = 1213
)

// insertAttempts bounds how often a row is written again that a deadlock kept out.
const insertAttempts = 5

// columns are those of an order, as scanMySQL reads them.
const columns = "id, sku, quantity, status, version, created_at"

// MySQLStore keeps orders in MySQL or MariaDB. Make it with NewMySQLStore.
type MySQLStore struct {
	db mysqlDB
}

// mysqlDB is what a pool and a transaction have in common.
type mysqlDB interface {
	ExecContext(ctx context.Context, statement string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// NewMySQLStore returns a store in db, a pool as the package database makes it or a transaction of one; its schema is
// in migrations/.
func NewMySQLStore(db mysqlDB) *MySQLStore { return &MySQLStore{db: db} }

// Create implements Store. The unique index decides between concurrent calls with the same key: a later one waits for
// the first to commit and then finds its order.
func (s *MySQLStore) Create(ctx context.Context, o Order, key string) (Order, bool, error) {
	failed := s.insert(ctx, o, key)
	if failed == nil {
		return o, true, nil
	}
	if key != "" && errorNumber(failed) == duplicateEntry {
		first, err := s.one(ctx, `SELECT `+columns+` FROM orders WHERE idempotency_key = ?`, key)
		if !errors.Is(err, ErrNotFound) { // then it was not the key that was there already
			return first, false, err
		}
	}
	return Order{}, false, fmt.Errorf("insert: %w", mysqlError(failed))
}

// insert writes the row. Of calls that wait for the same key while its first call is taken back, InnoDB lets one go on
// and ends the others as a deadlock; those have changed nothing and try again.
func (s *MySQLStore) insert(ctx context.Context, o Order, key string) error {
	for attempt := 1; ; attempt++ {
		_, err := s.db.ExecContext(ctx, `
			INSERT INTO orders (id, sku, quantity, status, version, created_at, idempotency_key)
			VALUES (?, ?, ?, ?, ?, ?, NULLIF(?, ''))`,
			o.ID, o.SKU, o.Quantity, o.Status, o.Version, o.CreatedAt, key)
		if attempt == insertAttempts || errorNumber(err) != deadlock {
			return err
		}
	}
}

// Cancel implements Store. Without the length, an id with spaces at its end would be another order's.
func (s *MySQLStore) Cancel(ctx context.Context, id string) (Order, error) {
	_, err := s.db.ExecContext(ctx, `
		UPDATE orders SET status = 'cancelled', version = version + 1
		WHERE id = ? AND length(id) = ? AND status <> 'cancelled'`, id, len(id))
	if err != nil {
		return Order{}, fmt.Errorf("update: %w", mysqlError(err))
	}
	return s.Get(ctx, id)
}

// Get implements Store. To the server, ids that differ in spaces at their end are the same.
func (s *MySQLStore) Get(ctx context.Context, id string) (Order, error) {
	o, err := s.one(ctx, `SELECT `+columns+` FROM orders WHERE id = ?`, id)
	if err == nil && o.ID != id {
		return Order{}, ErrNotFound
	}
	return o, err
}

// List implements Store. The first comparison goes straight to the position in the index orders_newest: the server uses
// no index for one of whole rows, such as (created_at, id) < (?, ?).
func (s *MySQLStore) List(ctx context.Context, after *Position, limit int) (orders []Order, err error) {
	query := `SELECT ` + columns + ` FROM orders ORDER BY created_at DESC, id DESC LIMIT ?`
	args := []any{limit}
	if after != nil {
		query = `SELECT ` + columns + ` FROM orders
			WHERE created_at <= ? AND (created_at < ? OR id < ?)
			ORDER BY created_at DESC, id DESC LIMIT ?`
		args = []any{after.CreatedAt, after.CreatedAt, after.ID, limit}
	}
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("select: %w", mysqlError(err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		o, err := scanMySQL(rows)
		if err != nil {
			return nil, fmt.Errorf("select: %w", mysqlError(err))
		}
		orders = append(orders, o)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("select: %w", mysqlError(err))
	}
	return orders, nil
}

func (s *MySQLStore) one(ctx context.Context, query string, arg string) (Order, error) {
	o, err := scanMySQL(s.db.QueryRowContext(ctx, query, arg))
	if err != nil {
		return Order{}, fmt.Errorf("query: %w", mysqlError(err))
	}
	return o, nil
}

func scanMySQL(row interface{ Scan(...any) error }) (Order, error) {
	var o Order
	err := row.Scan(&o.ID, &o.SKU, &o.Quantity, &o.Status, &o.Version, &o.CreatedAt)
	return o, err
}

// mysqlError adds what the error means to the caller. An error that is not the server's own is one of the connection;
// of the server's, some pass.
func mysqlError(err error) error {
	number := errorNumber(err)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	case number != 0 && !passing(number):
		return err
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// errorNumber returns the server's number of an error, 0 where it is none of the server's.
func errorNumber(err error) uint16 {
	var server *mysql.MySQLError
	if errors.As(err, &server) {
		return server.Number
	}
	return 0
}

// passing reports whether an error may go away by itself: out of disk, memory or connections (1021, 1037, 1041, 1040,
// 1203), shutdown (1053), a table that is not there because the migrations have not run (1146), a lock that others hold
// (1205, 1213), and a statement or, with MariaDB, a connection that somebody ended (1317, 1927).
func passing(number uint16) bool {
	switch number {
	case 1021, 1037, 1040, 1041, 1053, 1146, 1203, 1205, deadlock, 1317, 1927:
		return true
	}
	return false
}
