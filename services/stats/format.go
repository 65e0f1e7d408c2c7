package stats

// format is a way to write an answer. All but JSON have the rows alone.
type format struct {
	contentType string
	encode      func(answer) ([]byte, error)
}

var formats = map[string]format{
	"json":    {"application/json", encodeJSON},
	"csv":     {"text/csv", encodeCSV},
	"ndjson":  {"application/x-ndjson", encodeNDJSON},
	"parquet": {"application/vnd.apache.parquet", encodeParquet},
}

// chooseFormat returns the format of the name, else what the Accept header
// likes best, else JSON.
func chooseFormat(name, accept string) format {
	if name == "" {
		name = negotiate(accept, "json", "csv", "ndjson", "parquet")
	}
	return formats[name]
}
