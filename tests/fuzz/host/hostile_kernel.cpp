// SPDX-License-Identifier: MIT
#include "hostile_kernel.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <statchan/digest.hpp>
#include <string>

#include "support/image_bytes.hpp"
#include "support/schema_blob.hpp"

namespace fuzz {
namespace {

constexpr std::uint32_t nr_cpus = 2;
constexpr std::size_t largest_mapping = 1U << 20;  // more fails, as memory may,
constexpr std::size_t most_mappings = 64;          // and more of them

HostileKernel* current = nullptr;

std::size_t page_bytes() {
    static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return bytes;
}

const std::vector<std::byte>& schema() {
    static const auto blob = test::SchemaBlob::ports().bytes();
    return blob;
}

std::uint64_t schema_hash() {
    std::uint64_t hash = 0;
    std::memcpy(&hash, schema().data() + offsetof(statchan_schema, hash), sizeof hash);
    return hash;
}

template <class T>
T& as(void* argument) {
    return *static_cast<T*>(argument);
}

template <class T>
void put(std::span<std::byte> to, std::size_t at, const T& value) {
    if (at <= to.size() && sizeof value <= to.size() - at)
        std::memcpy(to.data() + at, &value, sizeof value);
}

void name(std::span<char> field, std::string_view text) {
    std::copy_n(text.begin(), std::min(text.size(), field.size() - 1), field.begin());
}

void describe(statchan_source_info& info) {
    info.id = source_id;
    name(info.name, "sw0");
    name(info.kind, "synth");
    name(info.params, "ports=4 rate=1");
    info.n_counters = some_counters;
    info.schema_hash = schema_hash();
    info.rate = 1;
}

void describe(statchan_channel_info& info) {
    info.id = channel_id;
    info.source = source_id;
    info.transport = STATCHAN_T_MMAP;
    info.kind = STATCHAN_CHANNEL_SAMPLES;
}

statchan_ledger ledger(std::uint32_t cpu) {
    statchan_ledger entry{};
    entry.cpu = cpu;
    entry.produced = entry.accepted = entry.next_seq = 8;
    return entry;
}

int fail(int error) {
    errno = error;
    return -1;
}

}  // namespace

HostileKernel::HostileKernel(Input& input) : input_{input} { current = this; }
HostileKernel::~HostileKernel() { current = nullptr; }
HostileKernel* HostileKernel::here() noexcept { return current; }
bool HostileKernel::owns(const pollfd& one) noexcept { return owns(one.fd); }
void HostileKernel::Free::operator()(std::byte* p) const noexcept { std::free(p); }

// ---- descriptors ----

int HostileKernel::new_fd(Kind kind) {
    fds_.push_back(kind);
    return first_fd + static_cast<int>(fds_.size()) - 1;
}

HostileKernel::Kind HostileKernel::kind_of(int fd) const noexcept {
    const auto at = static_cast<std::size_t>(fd - first_fd);
    return at < fds_.size() ? fds_[at] : Kind::closed;
}

int HostileKernel::open(std::string_view path) {
    if (fails()) return -1;
    if (path == "/dev/statchan") return new_fd(Kind::device);
    if (path == "sw0") {
        text_read_ = 0;
        return new_fd(Kind::text);
    }
    if (path == "cpu0" || path == "cpu1") return new_fd(Kind::relay);
    if (path.starts_with("cpu")) return fail(ENOENT);
    return new_fd(Kind::folder);
}

int HostileKernel::socket() { return fails() ? -1 : new_fd(Kind::socket); }

int HostileKernel::close(int fd) noexcept {
    const auto at = static_cast<std::size_t>(fd - first_fd);
    if (kind_of(fd) == Kind::closed) std::abort();  // closed twice
    fds_[at] = Kind::closed;
    return 0;
}

// ---- lies ----

bool HostileKernel::fails() {
    constexpr std::array errors{EINTR,  EAGAIN, ENOENT, EPERM, ENODEV,  EMSGSIZE, ESTALE,
                                ENOMEM, EINVAL, EIO,    ENXIO, ENOBUFS, EBUSY,    ETIMEDOUT};
    const auto how = input_.byte();
    // When the input is used up all are honest, so that everything ends.
    if (how < 0xe0) return false;
    errno = errors[how % errors.size()];
    return true;
}

void HostileKernel::patch(std::span<std::byte> answer) {
    const auto how = input_.byte();
    if (how < 0x80 || answer.empty()) return;
    for (auto times = (how & 3U) + 1; times > 0; --times) {
        const auto at = input_.take<std::uint16_t>();
        if ((at & 0x8000U) != 0)
            put(answer, (at & 0x7fffU) % answer.size() / 8 * 8, input_.take<std::uint64_t>());
        else
            answer[at % answer.size()] = static_cast<std::byte>(input_.byte());
    }
}

ssize_t HostileKernel::some_of_input(std::span<std::byte> to) {
    const auto length = std::min<std::size_t>(input_.take<std::uint16_t>(), to.size());
    const auto from = input_.bytes(length);
    if (!from.empty()) std::memcpy(to.data(), from.data(), from.size());
    return static_cast<ssize_t>(from.size());
}

// ---- the device ----

int HostileKernel::ioctl(int fd, unsigned long request, void* argument) {
    if (kind_of(fd) != Kind::device) return fail(ENOTTY);
    const std::span bytes{static_cast<std::byte*>(argument), std::size_t{_IOC_SIZE(request)}};
    const bool failed = fails();
    const int error = errno;
    if (!failed) {
        errno = 0;
        answer(request, argument);
    }
    const int answered = failed ? error : errno;
    // A failure may leave something behind, too; but not where the call is made again.
    if (answered != EINTR) patch(bytes);
    return answered != 0 ? fail(answered) : 0;
}

// To the caller's buffer, no more than it holds.
void HostileKernel::answer_bytes(std::uint64_t to, std::uint64_t room,
                                 std::span<const std::byte> from) {
    if (to == 0) return;
    std::memcpy(reinterpret_cast<void*>(static_cast<std::uintptr_t>(to)), from.data(),
                std::min<std::size_t>(from.size(), room));
}

void HostileKernel::answer(unsigned long request, void* argument) {
    switch (request) {
        case STATCHAN_IOC_VERSION: {
            auto& v = as<statchan_version>(argument);
            v.abi = STATCHAN_ABI;
            v.page_size = static_cast<std::uint32_t>(page_bytes());
            v.nr_cpus = nr_cpus;
            return;
        }
        case STATCHAN_IOC_ERROR:
            return name(as<statchan_error>(argument).text, "the kernel's sentence");
        case STATCHAN_IOC_TRANSPORTS: {
            auto& req = as<statchan_transports>(argument);
            statchan_transport_info info{};
            info.id = STATCHAN_T_MMAP;
            name(info.name, "mmap");
            answer_bytes(req.buf, req.count * sizeof info, std::as_bytes(std::span{&info, 1}));
            req.count = 1;
            return;
        }
        case STATCHAN_IOC_SOURCE_INFO:
            return describe(as<statchan_source_info>(argument));
        case STATCHAN_IOC_SOURCE_NEXT: {
            auto& next = as<statchan_source_next>(argument);
            if (next.id >= source_id)
                errno = ENOENT;
            else
                next.id = source_id;
            return;
        }
        case STATCHAN_IOC_SCHEMA: {
            auto& req = as<statchan_schema_req>(argument);
            auto blob = schema();
            patch(blob);
            answer_bytes(req.buf, req.len, blob);
            req.len = blob.size();
            return;
        }
        case STATCHAN_IOC_SNAPSHOT: {
            auto& req = as<statchan_snapshot_req>(argument);
            const auto bytes = image();
            if (req.len < bytes.size())
                errno = EMSGSIZE;
            else
                answer_bytes(req.buf, req.len, bytes);
            req.len = bytes.size();
            return;
        }
        case STATCHAN_IOC_SNAPSHOT_MAP: {
            auto& req = as<statchan_snapshot_req>(argument);
            req.offset = STATCHAN_MMAP_SNAPSHOT;
            req.len = sizeof(statchan_snapshot) + some_counters * 8;
            return;
        }
        case STATCHAN_IOC_CHANNEL_OPEN:
            return open_channel(as<statchan_channel_req>(argument));
        case STATCHAN_IOC_CHANNEL_NEXT: {
            auto& info = as<statchan_channel_info>(argument);
            if (info.id >= channel_id)
                errno = ENOENT;
            else
                describe(info);
            return;
        }
        case STATCHAN_IOC_READ: {
            auto& req = as<statchan_read>(argument);
            auto* const to = reinterpret_cast<std::byte*>(static_cast<std::uintptr_t>(req.buf));
            if (input_.empty()) req.flags = STATCHAN_CHAN_EOS;
            req.len =
                static_cast<std::uint64_t>(some_of_input({to, static_cast<std::size_t>(req.len)}));
            return;
        }
        case STATCHAN_IOC_LEDGER: {
            auto& req = as<statchan_ledger_req>(argument);
            std::array entries{ledger(0), ledger(1)};
            patch(std::as_writable_bytes(std::span{entries}));
            answer_bytes(req.buf, req.count * sizeof entries[0], std::as_bytes(std::span{entries}));
            req.count = nr_cpus;
            if (input_.empty()) req.flags = STATCHAN_CHAN_EOS;
            return;
        }
        case STATCHAN_IOC_RELAY_STATE:
            if (input_.empty()) as<statchan_relay_state>(argument).flags = STATCHAN_CHAN_EOS;
            return;
        default:
            return;
    }
}

void HostileKernel::open_channel(statchan_channel_req& req) {
    req.got = req.want;
    req.got.rate = 1;
    req.got.snaplen = STATCHAN_SNAPLEN_DEFAULT;
    req.got.buffer_size = page_bytes();
    req.id = channel_id;
    req.page_size = static_cast<std::uint32_t>(page_bytes());
    req.nr_cpus = nr_cpus;
    req.ring_stride = 4 * page_bytes();
    req.map_len = 2 * page_bytes();
    name(req.path, "/sys/kernel/debug/statchan/4");
}

ssize_t HostileKernel::read(int fd, std::span<std::byte> to) {
    if (fails()) return -1;
    if (kind_of(fd) != Kind::text) {
        if (input_.empty()) return 0;
        const auto got = some_of_input(to);
        return got != 0 ? got : fail(EAGAIN);
    }
    auto all = text();
    patch(all);
    const auto rest = std::span{all}.subspan(std::min(text_read_, all.size()));
    // In pieces, as the input says.
    const auto piece = std::min({rest.size(), to.size(), std::size_t{input_.byte()} * 4 + 16});
    std::copy_n(rest.begin(), piece, to.begin());
    text_read_ += piece;
    return static_cast<ssize_t>(piece);
}

ssize_t HostileKernel::pread(int /*fd*/, std::span<std::byte> to, std::uint64_t offset) {
    if (fails()) return -1;
    const auto all = image();
    if (offset >= all.size()) return 0;
    const auto piece = std::min({to.size(), all.size() - static_cast<std::size_t>(offset),
                                 std::size_t{input_.byte()} + 64});
    std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(offset), piece, to.begin());
    return static_cast<ssize_t>(piece);
}

int HostileKernel::poll(pollfd& one) {
    switch (input_.byte() & 7U) {
        case 1:
            one.revents = POLLNVAL;
            return 1;
        case 2:
            return fail(EINTR);
        case 3:
            return fail(ENOMEM);
        case 4:
            return 0;
        default:
            one.revents = POLLIN;
            return 1;
    }
}

// ---- memory that it shows ----

HostileKernel::Bytes HostileKernel::image() {
    test::ImageBytes bytes{schema_hash(), some_counters};
    bytes.head.source = source_id;
    const auto words = bytes.words();
    const auto all = std::as_bytes(std::span{words});
    Bytes image{all.begin(), all.end()};
    patch(image);
    return image;
}

HostileKernel::Bytes HostileKernel::text() const {
    static const std::string all = [] {
        auto text = "generation 9 begin 100 end 200 flags 1 source 3 counters 14 schema " +
                    std::to_string(schema_hash()) + " digest 7\n";
        for (unsigned i = 0; i < some_counters; ++i)
            text += "port/" + std::to_string(i) + "/rx_packets " + std::to_string(i * 10) + "\n";
        return text;
    }();
    const auto bytes = std::as_bytes(std::span{all.data(), all.size()});
    return {bytes.begin(), bytes.end()};
}

void HostileKernel::fill_ring(std::span<std::byte> memory, bool producer) {
    if (!producer) return put(memory, 0, std::uint64_t{input_.byte() & 1U ? input_.byte() : 0U});
    if (memory.size() < 3 * page_bytes()) return;
    // The data lie twice in a row.
    const auto half = (memory.size() - page_bytes()) / 2;
    const auto data = memory.subspan(page_bytes());
    const auto got = static_cast<std::size_t>(some_of_input(data.first(half)));
    std::copy_n(data.begin(), half, data.begin() + static_cast<std::ptrdiff_t>(half));
    statchan_ring_producer head{};
    head.head = (got + 7) / 8 * 8;
    head.announced = head.head;
    if (input_.empty()) head.flags = STATCHAN_RING_EOS;
    patch(std::as_writable_bytes(std::span{&head, 1}));
    // The library waits for these two to be the same, for seconds: a hypervisor may take the CPU.
    head.evicting = head.evicted;
    put(memory, 0, head);
}

void HostileKernel::fill_live(std::span<std::byte> memory) {
    statchan_live control{};
    control.magic = STATCHAN_LIVE_MAGIC;
    control.seq = control.writing = 2;
    control.image_len = sizeof(statchan_snapshot) + some_counters * 8;
    control.image_offset[0] = 512;
    control.image_offset[1] = 2048;
    patch(std::as_writable_bytes(std::span{&control, 1}));
    put(memory, 0, control);
    for (const auto at : {std::size_t{512}, std::size_t{2048}}) {
        const auto bytes = image();
        if (at + bytes.size() <= memory.size())
            std::memcpy(memory.data() + at, bytes.data(), bytes.size());
    }
}

void* HostileKernel::map(std::uint64_t offset, std::size_t size) {
    if (fails()) return nullptr;
    if (size == 0 || size > largest_mapping || mappings_.size() >= most_mappings) {
        errno = size == 0 ? EINVAL : ENOMEM;
        return nullptr;
    }
    const auto whole = (size + page_bytes() - 1) / page_bytes() * page_bytes();
    std::unique_ptr<std::byte, Free> memory{
        static_cast<std::byte*>(std::aligned_alloc(page_bytes(), whole))};
    const std::span bytes{memory.get(), whole};
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
    if (offset >= STATCHAN_MMAP_LIVE) {
        fill_live(bytes);
    } else if (offset >= STATCHAN_MMAP_SNAPSHOT) {
        const auto from = image();
        std::copy_n(from.begin(), std::min(from.size(), whole), bytes.begin());
    } else {
        fill_ring(bytes, size > page_bytes());
    }
    auto* const at = memory.get();
    mappings_.emplace(at, std::move(memory));
    return at;
}

bool HostileKernel::unmap(void* at) noexcept { return mappings_.erase(at) != 0; }

}  // namespace fuzz
