#include <algorithm>

#include "base/strings.h"
#include "config/receiver_reading.h"

namespace drwatch::config {
namespace {

bool IsId(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

}  // namespace

StatuspageReceiver ReadStatuspage(const Node& node, const GlobalReceiverDefaults& defaults,
                                  ReadContext& context, Templates& templates) {
  StatuspageReceiver receiver;
  const std::string kind = "statuspage_configs";
  MapReader reader(node, context.problems, kind);
  if (!GetSecret(reader, "api_key", context, receiver.api_key)) {
    reader.Error(node, "statuspage_configs needs \"api_key\" or \"api_key_file\"");
  }
  const Node* page = reader.Require("page_id");
  reader.Get("page_id", receiver.page_id);
  if (page != nullptr && !IsId(receiver.page_id)) {
    reader.Error(*page, "\"page_id\" must be letters and digits");
  }
  bool publish = false;
  reader.Get("publish", publish);
  if (!publish) {
    reader.Error(node, "statuspage_configs shows incidents to the public",
                 "say publish: true if that is meant");
  }
  GetHttpUrl(reader, "url", receiver.url);
  reader.Get("component_ids", receiver.component_ids);
  for (const Node& item : GetItems(reader, "component_ids")) {
    if (!IsId(item.scalar)) reader.Error(item, "a component's id must be letters and digits");
  }
  GetTemplate(reader, kind, "name", receiver.name, templates);
  GetTemplate(reader, kind, "body", receiver.body, templates);
  reader.Get("deliver_notifications", receiver.deliver_notifications);
  receiver.http = defaults.http;
  ReadHttpSettings(reader, context, receiver.http);
  if (receiver.http.HasCredentials()) {
    reader.Error(node, "statuspage_configs logs in by \"api_key\" and by nothing else",
                 "give it a http_config without credentials");
  }
  GetPositive(reader, "timeout", receiver.timeout);
  reader.Get("send_resolved", receiver.send_resolved);
  reader.Finish();
  return receiver;
}

}  // namespace drwatch::config
