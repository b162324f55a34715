// Saying that somebody looks after an alert: the page behind the links of notifications and the
// status page's buttons, and /api/dr/acknowledge and /api/dr/escalations.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http_server.h"
#include "notify/acknowledge.h"
#include "notify/snapshot.h"

namespace drwatch::web {

// The functions may be called from any thread at any time and outlive the pages. As the
// dispatcher's.
struct AcknowledgeSources {
  std::function<base::Result<std::size_t>(const notify::AckRequest&)> acknowledge;
  std::function<base::Result<std::vector<model::Alert>>(const notify::AckSelection&)> selected;
  std::function<std::optional<notify::AckLink>(std::string_view)> read_link;
  std::function<notify::Snapshot()> snapshot;
};

// Thread-safe.
class Acknowledging {
 public:
  explicit Acknowledging(AcknowledgeSources sources) : sources_(std::move(sources)) {}

  // /acknowledge?token=... or ?fingerprint=...: GET asks (so that whatever looks at links before
  // people do changes nothing), POST acknowledges.
  net::ServerResponse Page(const net::ServerRequest& request) const;
  // GET lists, POST acknowledges, DELETE withdraws.
  net::ServerResponse Api(const net::ServerRequest& request) const;
  net::ServerResponse Escalations(const net::ServerRequest& request) const;

 private:
  net::ServerResponse Ask(const notify::AckSelection& selection) const;
  net::ServerResponse Accept(const net::ServerRequest& request,
                             const notify::AckSelection& selection) const;
  net::ServerResponse List() const;
  net::ServerResponse Post(const net::ServerRequest& request) const;
  net::ServerResponse Delete(const net::ServerRequest& request) const;

  AcknowledgeSources sources_;
};

// Whether a browser says that another site's page makes it send this.
bool IsCrossSite(const net::ServerRequest& request);

}  // namespace drwatch::web
