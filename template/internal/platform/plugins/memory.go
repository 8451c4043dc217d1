package plugins

import (
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/api"
)

// call is what a plugin has called the host with.
type call struct {
	exchange *exchange
	memory   api.Memory
	words    []uint64
}

// word returns a parameter.
func (c call) word(i int) uint32 { return uint32(c.words[i]) }

// bytes returns the plugin's memory that parameters i and i+1 name: where it begins, and its length. It is not a copy.
func (c call) bytes(i int) []byte {
	found, ok := c.memory.Read(c.word(i), c.word(i+1))
	if !ok {
		panic(fmt.Sprintf("%d bytes at %d are not in the plugin's memory", c.word(i+1), c.word(i)))
	}
	return found
}

// text returns what parameters i and i+1 name, as a string.
func (c call) text(i int) string { return string(c.bytes(i)) }

// put writes text to the memory that parameters i and i+1 name, if it has room there, and returns its length: a plugin
// that gave too little calls again.
func (c call) put(i int, text string) uint64 {
	if uint32(len(text)) <= c.word(i+1) && !c.memory.WriteString(c.word(i), text) {
		panic(fmt.Sprintf("%d bytes at %d are not in the plugin's memory", len(text), c.word(i)))
	}
	return uint64(len(text))
}

// putAll does the same with several texts, each ended by NUL, and returns their number and their length, each in half of
// the word.
func (c call) putAll(i int, texts []string) uint64 {
	if len(texts) == 0 {
		return 0
	}
	return uint64(len(texts))<<32 | c.put(i, strings.Join(texts, "\x00")+"\x00")
}
