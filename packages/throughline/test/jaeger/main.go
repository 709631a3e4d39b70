// Real query handlers of Jaeger over its memory store, filled from OTLP/JSON files.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/gorilla/mux"
	"github.com/jaegertracing/jaeger/cmd/query/app"
	"github.com/jaegertracing/jaeger/cmd/query/app/apiv3"
	"github.com/jaegertracing/jaeger/cmd/query/app/querysvc"
	"github.com/jaegertracing/jaeger/pkg/tenancy"
	"github.com/jaegertracing/jaeger/plugin/storage/memory"
	jaegertranslator "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/jaeger"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

func main() {
	store := memory.NewStore()
	for _, file := range os.Args[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		traces, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(text)
		if err != nil {
			panic(err)
		}
		batches, err := jaegertranslator.ProtoFromTraces(traces)
		if err != nil {
			panic(err)
		}
		for _, batch := range batches {
			for _, span := range batch.Spans {
				if span.Process == nil {
					span.Process = batch.Process
				}
				if err := store.WriteSpan(context.Background(), span); err != nil {
					panic(err)
				}
			}
		}
	}
	service := querysvc.NewQueryService(store, store, querysvc.QueryServiceOptions{})
	tenants := tenancy.NewManager(&tenancy.Options{})
	router := mux.NewRouter()
	(&apiv3.HTTPGateway{QueryService: service, TenancyMgr: tenants, Logger: zap.NewNop(), Tracer: noop.NewTracerProvider()}).RegisterRoutes(router)
	app.NewAPIHandler(service, tenants, app.HandlerOptions.Tracer(noop.NewTracerProvider())).RegisterRoutes(router)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	_ = http.Serve(listener, router)
}
