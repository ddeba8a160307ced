// SPDX-License-Identifier: MIT
//
// procfs: a snapshot as text, read and parsed back into the image that the others carry. The
// format is in <linux/statchan.h>. All else goes through the device.
#include <fcntl.h>
#include <linux/statchan.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "../buffer.hpp"
#include "../device_transport.hpp"
#include "../fd.hpp"
#include "../image.hpp"

namespace statchan::detail {
namespace {

constexpr std::size_t read_bytes = 65536;  // as much as the kernel formats at once

std::optional<std::uint64_t> to_number(std::string_view digits) {
    std::uint64_t value = 0;
    const auto* const end = digits.data() + digits.size();
    const auto [rest, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc{} || rest != end) return std::nullopt;
    return value;
}

// "generation 1 begin 2 ...": the number after a word.
std::optional<std::uint64_t> after_word(std::string_view line, std::string_view word) {
    while (!line.empty()) {
        const auto name = line.substr(0, line.find(' '));
        line.remove_prefix(std::min(line.size(), name.size() + 1));
        const auto number = line.substr(0, line.find(' '));
        line.remove_prefix(std::min(line.size(), number.size() + 1));
        if (name == word) return to_number(number);
    }
    return std::nullopt;
}

// Takes the lines of one file, in order, and makes an image of them.
class Parser {
  public:
    Parser(Pool<Buffer>& pool, Task task) : pool_{pool}, task_{task} {}

    [[nodiscard]] Result<void> line(std::string_view text) {
        return buffer_ ? counter(text) : head(text);
    }
    [[nodiscard]] Result<RawSnapshot> finish();
    [[nodiscard]] const statchan_snapshot& head() const noexcept { return head_; }

  private:
    [[nodiscard]] Result<void> head(std::string_view text);
    [[nodiscard]] Result<void> counter(std::string_view text);

    Pool<Buffer>& pool_;
    Task task_;
    std::shared_ptr<Buffer> buffer_;
    statchan_snapshot head_{};
    std::optional<std::uint64_t> digest_;
    std::uint64_t counters_ = 0;
};

Result<void> Parser::head(std::string_view text) {
    const std::array words{"generation", "begin", "end", "flags", "source", "counters", "schema"};
    std::array<std::uint64_t, words.size()> numbers{};
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto number = after_word(text, words[i]);
        if (!number) return fail_data(task_, std::string{"its first line has no "} + words[i]);
        numbers[i] = *number;
    }
    const auto [generation, begin, end, flags, source, counters, schema] = numbers;
    if (counters > STATCHAN_COUNTERS_MAX) return fail_data(task_, "its length makes no sense");
    head_ = {.magic = STATCHAN_SNAPSHOT_MAGIC,
             .head_len = sizeof head_,
             .flags = static_cast<std::uint32_t>(flags),
             .source = static_cast<std::uint32_t>(source),
             .n_counters = counters,
             .generation = generation,
             .schema_hash = schema,
             .begin_ns = begin,
             .end_ns = end,
             .reserved = 0};
    digest_ = after_word(text, "digest");
    buffer_ = lend_buffer(pool_, image_bytes(counters));
    std::memcpy(buffer_->bytes().data(), &head_, sizeof head_);
    return {};
}

// "group/instance/field 123": the order says which it is. A name may have spaces.
Result<void> Parser::counter(std::string_view text) {
    const auto space = text.rfind(' ');
    const auto value =
        space == std::string_view::npos ? std::nullopt : to_number(text.substr(space + 1));
    if (!value || counters_ == head_.n_counters)
        return fail_data(task_, "line '" + std::string{text} + "' is no counter, or one too many");
    std::memcpy(buffer_->bytes().data() + image_bytes(counters_++), &*value, sizeof *value);
    return {};
}

Result<RawSnapshot> Parser::finish() {
    if (!buffer_ || counters_ != head_.n_counters)
        return fail_data(task_, "its text ends after " + std::to_string(counters_) + " counters");
    RawSnapshot raw{.image = buffer_->bytes().first(image_bytes(counters_))};
    raw.memory = std::move(buffer_);
    raw.digest = digest_;
    return raw;
}

class Procfs final : public DeviceTransport {
  public:
    Procfs(Device device, Fd folder) noexcept
        : DeviceTransport{std::move(device)}, folder_{std::move(folder)} {}

    Result<RawSnapshot> snapshot(const SourceRef& source, const SnapshotOptions& options) override;

  private:
    [[nodiscard]] Result<Fd> open_file(const SourceRef& source, const SnapshotOptions& options,
                                       Task task) const;

    Fd folder_;  // of the network namespace in which the client was opened
    Pool<Buffer> images_;
    Buffer text_{2 * read_bytes};
};

Fail read_failed(int err, const SnapshotOptions& options, Task task) {
    switch (err) {
        case ENOENT:
        case ENODEV:
        case EIO:  // all entries of a source end so when it goes
            return fail(errc::no_such_source, task, "no such source, or it went just now",
                        "see statctl sources");
        case EBUSY:
            return fail_errno(err, task,
                              "readers hold all generations that there is room for, or all files "
                              "that are for readers without CAP_NET_ADMIN: close one");
        case ESTALE:
            // Of itself a source says so when its counters are not those of its schema any more.
            return fail_errno(err, task,
                              options.generation == 0
                                  ? "the source now has other counters: delete it and add it anew"
                                  : "generation " + std::to_string(options.generation) +
                                        " is not the newest, or is not kept any more");
        default:
            return fail_errno(err, task);
    }
}

Result<Fd> Procfs::open_file(const SourceRef& source, const SnapshotOptions& options,
                             Task task) const {
    // Of this source: its name may be another's by now, whose generations are not ours to use up.
    std::string wanted = "source " + std::to_string(source.id) + " ";
    if (options.generation != 0) wanted += "generation " + std::to_string(options.generation) + " ";
    if (options.max_age.count() > 0)
        wanted += "max_age " + std::to_string(options.max_age.count()) + " ";
    if (options.digest) wanted += "digest";
    Fd file{::openat(folder_.get(), std::string{source.name}.c_str(), O_RDWR | O_CLOEXEC)};
    if (!file) return read_failed(errno, options, task);
    if (::write(file.get(), wanted.data(), wanted.size()) < 0)
        return read_failed(errno, options, task);
    return file;
}

Result<RawSnapshot> Procfs::snapshot(const SourceRef& source, const SnapshotOptions& options) {
    const Task task{"take snapshot over procfs of", source.name};
    const auto file = open_file(source, options, task);
    if (!file) return pass_on(file.error());
    Parser parser{images_, task};
    // What is before `used` waits for the end of its line.
    auto* const text = reinterpret_cast<char*>(text_.bytes().data());
    for (std::size_t used = 0;;) {
        const auto got = ::read(file->get(), text + used, text_.size() - used);
        if (got == 0) break;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return read_failed(errno, options, task);
        std::string_view rest{text, used + static_cast<std::size_t>(got)};
        for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
            if (auto read = parser.line(rest.substr(0, end)); !read) return pass_on(read.error());
            rest.remove_prefix(end + 1);
        }
        used = rest.size();
        if (used == text_.size()) return fail_data(task, "a line has no end");
        std::memmove(text, rest.data(), used);
    }
    auto raw = parser.finish();
    if (raw && parser.head().source != source.id) return fail_data(task, "it is of another source");
    return raw;
}

// Not /proc/net: that is the main thread's. The open folder stays that of its namespace.
Result<Fd> open_folder() {
    const std::string path = "/proc/thread-self/net/" STATCHAN_PROC_DIR;
    Fd folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!folder) return fail_errno(errno, {"open", path});
    return folder;
}

}  // namespace

Result<std::unique_ptr<Transport>> open_procfs(const ClientOptions& options) {
    auto device = Device::open(options.device);
    if (!device) return pass_on(std::move(device.error()));
    auto folder = open_folder();
    if (!folder) return pass_on(std::move(folder.error()));
    return std::make_unique<Procfs>(std::move(*device), std::move(*folder));
}

}  // namespace statchan::detail
