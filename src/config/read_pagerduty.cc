#include "config/receiver_reading.h"

namespace drwatch::config {
namespace {

constexpr char kKind[] = "pagerduty_configs";

void ReadLinks(MapReader& reader, ReadContext& context, std::vector<PagerDutyLink>& out,
               Templates& templates) {
  for (const Node& node : GetItems(reader, "links")) {
    PagerDutyLink link;
    MapReader item(node, context.problems, "a link of pagerduty_configs");
    item.Require("href");
    GetTemplate(item, std::string(kKind) + ": links", "href", link.href, templates);
    GetTemplate(item, std::string(kKind) + ": links", "text", link.text, templates);
    item.Finish();
    out.push_back(std::move(link));
  }
}

void ReadImages(MapReader& reader, ReadContext& context, std::vector<PagerDutyImage>& out,
                Templates& templates) {
  for (const Node& node : GetItems(reader, "images")) {
    PagerDutyImage image;
    const std::string kind = std::string(kKind) + ": images";
    MapReader item(node, context.problems, "an image of pagerduty_configs");
    item.Require("src");
    GetTemplate(item, kind, "src", image.source, templates);
    GetTemplate(item, kind, "alt", image.alternative, templates);
    GetTemplate(item, kind, "href", image.href, templates);
    item.Finish();
    out.push_back(std::move(image));
  }
}

}  // namespace

PagerDutyReceiver ReadPagerDuty(const Node& node, const GlobalReceiverDefaults& defaults,
                                ReadContext& context, Templates& templates) {
  PagerDutyReceiver receiver;
  const std::string kind = kKind;
  MapReader reader(node, context.problems, kind);
  if (!GetSecret(reader, "routing_key", context, receiver.routing_key)) {
    reader.Error(node, "pagerduty_configs needs \"routing_key\" or \"routing_key_file\"");
  }
  if (!defaults.pagerduty_url.empty()) receiver.url = defaults.pagerduty_url;
  GetHttpUrl(reader, "url", receiver.url);
  GetTemplate(reader, kind, "severity", receiver.severity, templates);
  GetTemplate(reader, kind, "description", receiver.description, templates);
  GetTemplate(reader, kind, "client", receiver.client, templates);
  GetTemplate(reader, kind, "client_url", receiver.client_url, templates);
  GetTemplate(reader, kind, "source", receiver.source, templates);
  GetTemplate(reader, kind, "component", receiver.component, templates);
  GetTemplate(reader, kind, "group", receiver.group, templates);
  GetTemplate(reader, kind, "class", receiver.event_class, templates);
  GetTemplates(reader, kind, "details", receiver.details, templates);
  ReadLinks(reader, context, receiver.links, templates);
  ReadImages(reader, context, receiver.images, templates);
  receiver.http = defaults.http;
  ReadHttpSettings(reader, context, receiver.http);
  GetTimeout(reader, receiver.timeout);
  reader.Get("send_resolved", receiver.send_resolved);
  constexpr std::string_view kEventsV2 = "use the key of an Events API v2 integration";
  reader.Refuse("service_key", "is not supported", std::string(kEventsV2) + " in routing_key");
  reader.Refuse("service_key_file", "is not supported",
                std::string(kEventsV2) + " in routing_key_file");
  reader.Finish();
  return receiver;
}

}  // namespace drwatch::config
