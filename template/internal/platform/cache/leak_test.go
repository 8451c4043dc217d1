package cache

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails where a goroutine goes on after the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
