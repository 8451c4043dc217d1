package database

import "github.com/XSAM/otelsql"

// spans says which calls of the driver have a span: statements and transactions, as a row or a reset of a connection tells
// nobody anything.
func spans() otelsql.SpanOptions {
	return otelsql.SpanOptions{
		OmitConnResetSession: true, OmitConnPrepare: true, OmitRows: true, OmitConnectorConnect: true, DisableErrSkip: true,
	}
}
