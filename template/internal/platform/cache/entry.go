package cache

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// An entry is the version of a row and what is known of it, as in `12={"id":…}`.
type entry struct {
	version int64
	kind    byte
	data    string // of a value, in JSON
}

// The kinds of entries.
const (
	value    = '=' // there is a row
	absent   = '-' // there is none
	outdated = '~' // a row has changed to this version: nothing older may be kept
)

// outdatedFor is how long it is remembered that a row has changed. Whoever has read the row before has given up keeping
// it by then: it is longer than loadWithin.
const outdatedFor = 30 * time.Second

const (
	// putScript keeps an entry (ARGV[2], for ARGV[3] milliseconds) of a version (ARGV[1]) unless there is a newer one.
	putScript = `
local kept = tonumber(string.match(redis.call('GET', KEYS[1]) or '', '^%d+') or -1)
if kept > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`

	// outdateScript keeps instead of each entry (KEYS) that is older than its version (ARGV, from the second on) that it
	// is outdated, for ARGV[1] milliseconds.
	outdateScript = `
for i, key in ipairs(KEYS) do
	local version = ARGV[i + 1]
	local kept = tonumber(string.match(redis.call('GET', key) or '', '^%d+') or -1)
	if kept < tonumber(version) then redis.call('SET', key, version .. '~', 'PX', ARGV[1]) end
end
return #KEYS`
)

func (e entry) String() string { return strconv.FormatInt(e.version, 10) + string(e.kind) + e.data }

// parseEntry is the inverse of String; ok is false for what is no entry.
func parseEntry(text string) (e entry, ok bool) {
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		return entry{}, false
	}
	version, err := strconv.ParseInt(text[:end], 10, 64)
	if err != nil {
		return entry{}, false
	}
	return entry{version: version, kind: text[end], data: text[end+1:]}, true
}

// keep keeps an entry for so long, unless there is a newer one.
func (r *Redis) keep(ctx context.Context, key string, e entry, ttl time.Duration) error {
	return r.ask(ctx, func(ctx context.Context) error {
		keys := []string{r.prefix + key}
		return r.put.Run(ctx, r.client, keys, e.version, e.String(), ttl.Milliseconds()).Err()
	})
}

// get returns the text of an entry; the error is redis.Nil where there is none.
func (r *Redis) get(ctx context.Context, key string) (text string, err error) {
	err = r.ask(ctx, func(ctx context.Context) (err error) {
		text, err = r.client.Get(ctx, r.prefix+key).Result()
		return err
	})
	return text, err
}

// Outdated is an entry that a change has outdated: its key, and the version that the row has since.
type Outdated struct {
	Key     string
	Version int64
}

// outdateAll makes Redis forget what is older, and keep nothing older for a while.
func (r *Redis) outdateAll(ctx context.Context, entries []Outdated) error {
	keys, arguments := make([]string, len(entries)), []any{outdatedFor.Milliseconds()}
	for i, e := range entries {
		keys[i] = r.prefix + e.Key
		arguments = append(arguments, e.Version)
	}
	return r.ask(ctx, func(ctx context.Context) error {
		return r.outdate.Run(ctx, r.client, keys, arguments...).Err()
	})
}
