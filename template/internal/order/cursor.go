package order

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

const (
	// cursorDigits are enough for times until the year 5138.
	cursorDigits = 17
	maxIDLength  = 64
)

// encodeCursor returns p as clients see it: microseconds since 1970 and an id, fit for a URL. api/openapi.yaml has the
// pattern of it.
func encodeCursor(p Position) string {
	return strconv.FormatInt(p.CreatedAt.UnixMicro(), 10) + "." + p.ID
}

// decodeCursor is the inverse of encodeCursor. It refuses what encodeCursor does not return.
func decodeCursor(cursor string) (*Position, error) {
	micros, id, _ := strings.Cut(cursor, ".")
	if id == "" || len(id) > maxIDLength || strings.ContainsFunc(id, notInAnID) || len(micros) > cursorDigits {
		return nil, errors.New("no position")
	}
	n, err := strconv.ParseUint(micros, 10, 63)
	if err != nil {
		return nil, err
	}
	p := &Position{CreatedAt: time.UnixMicro(int64(n)).UTC(), ID: id}
	if encodeCursor(*p) != cursor {
		return nil, errors.New("no position")
	}
	return p, nil
}

func notInAnID(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}
