import { OTLPLogExporter as JSONExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';

export function start({ url, key, events, variant }) {
  const Exporter = variant === 'proto' ? ProtobufExporter : JSONExporter;
  const exporter = new Exporter({ url: `${url}/v1/logs`, headers: { Authorization: `Bearer ${key}` }, timeoutMillis: 60_000 });
  const provider = new LoggerProvider({
    processors: [new BatchLogRecordProcessor({ exporter, maxExportBatchSize: 10, scheduledDelayMillis: 500, exportTimeoutMillis: 60_000 })],
  });
  const logger = provider.getLogger('shop');
  for (const { id, name, user, time, properties } of events) {
    logger.emit({ eventName: name, timestamp: time, attributes: { 'event.id': id, 'user.id': user, ...properties } });
  }
  return () => provider.shutdown();
}
