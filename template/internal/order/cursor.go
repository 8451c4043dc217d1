package order

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// encodeCursor returns p as clients see it: a text without a meaning to them, fit for a URL.
func encodeCursor(p Position) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.CreatedAt.UnixMicro(), 10) + "." + p.ID))
}

// decodeCursor is the inverse of encodeCursor. It refuses what encodeCursor does not return.
func decodeCursor(cursor string) (*Position, error) {
	content, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, err
	}
	micros, id, ok := strings.Cut(string(content), ".")
	if !ok || id == "" || len(id) > 64 || strings.ContainsFunc(id, notPrintable) {
		return nil, errors.New("no position")
	}
	n, err := strconv.ParseInt(micros, 10, 64)
	if err != nil {
		return nil, err
	}
	p := &Position{CreatedAt: time.UnixMicro(n).UTC(), ID: id}
	if encodeCursor(*p) != cursor || p.CreatedAt.Year() < 1970 || p.CreatedAt.Year() > 9999 {
		return nil, errors.New("no position")
	}
	return p, nil
}

func notPrintable(r rune) bool { return r <= ' ' || r > '~' }
