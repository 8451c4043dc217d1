package database

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
)

// Source is the way to the server for whoever follows its log. TLS is nil where connections are never encrypted.
type Source struct {
	Host           string
	Port           uint16
	User, Password string
	TLS            *tls.Config
}

// Replication returns the way to the database's server for whoever follows its log. The error names no password.
func Replication(s Settings) (Source, error) {
	config, _, err := parse(s)
	if err != nil {
		return Source{}, err
	}
	host, text, err := net.SplitHostPort(config.Addr)
	if err != nil {
		return Source{}, fmt.Errorf("its address %s: %w", config.Addr, err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return Source{}, fmt.Errorf("its port %s is no number", text)
	}
	return Source{Host: host, Port: uint16(port), User: config.User, Password: config.Passwd, TLS: config.TLS}, nil
}
