package database

import (
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Replication returns the way to the database for whoever follows its log. The error names no password.
func Replication(s Settings) (*pgconn.Config, error) {
	config, err := parse(s)
	if err != nil {
		return nil, err
	}
	own := config.ConnConfig.Config
	own.RuntimeParams["replication"] = "database"
	own.ConnectTimeout = max(own.ConnectTimeout, time.Second)
	return &own, nil
}
