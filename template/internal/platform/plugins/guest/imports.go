//go:build wasip1

package guest

import "unsafe"

//go:wasmimport http_handler enable_features
func enableFeatures(features uint32) uint32

//go:wasmimport http_handler get_config
func getConfig(buffer unsafe.Pointer, room uint32) uint32

//go:wasmimport http_handler log_enabled
func logEnabled(level int32) uint32

//go:wasmimport http_handler log
func log(level int32, message unsafe.Pointer, length uint32)

//go:wasmimport http_handler get_method
func getMethod(buffer unsafe.Pointer, room uint32) uint32

//go:wasmimport http_handler get_uri
func getURI(buffer unsafe.Pointer, room uint32) uint32

//go:wasmimport http_handler set_uri
func setURI(uri unsafe.Pointer, length uint32)

//go:wasmimport http_handler get_source_addr
func getSourceAddr(buffer unsafe.Pointer, room uint32) uint32

//go:wasmimport http_handler get_header_names
func getHeaderNames(kind Kind, buffer unsafe.Pointer, room uint32) uint64

//go:wasmimport http_handler get_header_values
func getHeaderValues(kind Kind, name unsafe.Pointer, nameLength uint32, buffer unsafe.Pointer, room uint32) uint64

//go:wasmimport http_handler set_header_value
func setHeaderValue(kind Kind, name unsafe.Pointer, nameLength uint32, value unsafe.Pointer, valueLength uint32)

//go:wasmimport http_handler add_header_value
func addHeaderValue(kind Kind, name unsafe.Pointer, nameLength uint32, value unsafe.Pointer, valueLength uint32)

//go:wasmimport http_handler remove_header
func removeHeader(kind Kind, name unsafe.Pointer, nameLength uint32)

//go:wasmimport http_handler read_body
func readBody(kind Kind, buffer unsafe.Pointer, room uint32) uint64

//go:wasmimport http_handler write_body
func writeBody(kind Kind, body unsafe.Pointer, length uint32)

//go:wasmimport http_handler get_status_code
func getStatusCode() uint32

//go:wasmimport http_handler set_status_code
func setStatusCode(status uint32)
