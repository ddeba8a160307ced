// SPDX-License-Identifier: MIT
#include <statchan/event.hpp>
#include <utility>

#include "event_backend.hpp"

namespace statchan {

EventStream::EventStream(std::unique_ptr<detail::EventBackend> backend) noexcept
    : backend_{std::move(backend)} {}
EventStream::EventStream(EventStream&&) noexcept = default;
EventStream& EventStream::operator=(EventStream&&) noexcept = default;
EventStream::~EventStream() = default;

Result<std::optional<Event>> EventStream::next(nanoseconds timeout) {
    return backend_->next(timeout);
}
int EventStream::fd() const noexcept { return backend_->fd(); }

}  // namespace statchan
