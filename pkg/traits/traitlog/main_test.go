package traitlog

import (
	"testing"

	"eventanalytics/pkg/platform/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
