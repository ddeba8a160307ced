// SPDX-License-Identifier: MIT
//
// The boundary itself: structures of other sizes, and what must be refused.
#include <fcntl.h>
#include <linux/statchan.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>

#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

class Abi : public testing::Test {
  protected:
    int device = ::open("/dev/statchan", O_RDWR | O_CLOEXEC);
    ~Abi() override { ::close(device); }

    [[nodiscard]] std::string sentence() const {
        statchan_error error{};
        error.size = sizeof error;
        EXPECT_EQ(::ioctl(device, STATCHAN_IOC_ERROR, &error), 0);
        return error.text;
    }
    template <class T>
    [[nodiscard]] int call(unsigned long request, T& argument) const {
        return ::ioctl(device, request, &argument) == 0 ? 0 : errno;
    }
    template <class T>
    [[nodiscard]] static T sized() {
        T argument{};
        argument.size = sizeof(T);
        return argument;
    }
};

// A newer program with a larger structure: fine as long as what we do not know is 0.
TEST_F(Abi, LargerStructureOfZeroes) {
    struct {
        statchan_version known;
        std::uint64_t unknown;
    } larger{};
    larger.known.size = sizeof larger;
    EXPECT_EQ(call(STATCHAN_IOC_VERSION, larger), 0);
    EXPECT_EQ(larger.known.abi, static_cast<std::uint32_t>(STATCHAN_ABI));
    EXPECT_EQ(larger.known.size, sizeof larger);
    larger.unknown = 1;
    EXPECT_EQ(call(STATCHAN_IOC_VERSION, larger), E2BIG);
    EXPECT_NE(sentence().find("ABI"), std::string::npos) << sentence();
}

TEST_F(Abi, ShortStructureIsRefused) {
    auto version = sized<statchan_version>();
    version.size = sizeof version - 1;
    EXPECT_EQ(call(STATCHAN_IOC_VERSION, version), EINVAL);
    EXPECT_NE(sentence().find(std::to_string(sizeof version)), std::string::npos) << sentence();
    version.size = 0;
    EXPECT_EQ(call(STATCHAN_IOC_VERSION, version), EINVAL);
    version.size = 0xffffffff;
    EXPECT_EQ(call(STATCHAN_IOC_VERSION, version), E2BIG);
}

TEST_F(Abi, UnknownFlagsAndReservedFieldsAreRefused) {
    Synth synth;
    auto snapshot = sized<statchan_snapshot_req>();
    snapshot.source = synth.info().id;
    snapshot.flags = 0x80;
    EXPECT_EQ(call(STATCHAN_IOC_SNAPSHOT, snapshot), EINVAL);
    snapshot.flags = 0;
    snapshot.reserved = 1;
    EXPECT_EQ(call(STATCHAN_IOC_SNAPSHOT, snapshot), EINVAL);
    auto channel = sized<statchan_channel_req>();
    channel.source = synth.info().id;
    channel.transport = STATCHAN_T_IOCTL;
    channel.kind = STATCHAN_CHANNEL_SAMPLES;
    channel.follows = 4'000'000;
    channel.want.rate = 1000;
    EXPECT_EQ(call(STATCHAN_IOC_CHANNEL_OPEN, channel), ENOENT);
    EXPECT_NE(sentence().find("4000000"), std::string::npos) << sentence();
    EXPECT_EQ(synth.info().rate, 1U) << "what was refused changes nothing";
    channel.follows = 0;
    channel.kind = 99;
    EXPECT_EQ(call(STATCHAN_IOC_CHANNEL_OPEN, channel), EINVAL);
    channel.kind = STATCHAN_CHANNEL_SAMPLES;
    channel.transport = 99;
    EXPECT_EQ(call(STATCHAN_IOC_CHANNEL_OPEN, channel), EINVAL);
    EXPECT_NE(sentence().find("99"), std::string::npos) << sentence();
}

TEST_F(Abi, UnknownOperationIsNoTerminal) {
    auto version = sized<statchan_version>();
    EXPECT_EQ(call(_IOWR(STATCHAN_IOC_MAGIC, 200, statchan_version), version), ENOTTY);
    EXPECT_EQ(call(_IOWR('x', 0, statchan_version), version), ENOTTY);
}

TEST_F(Abi, BadPointersAreFaultsNotCrashes) {
    Synth synth;
    EXPECT_EQ(::ioctl(device, STATCHAN_IOC_VERSION, nullptr), -1);
    EXPECT_EQ(errno, EFAULT);
    auto snapshot = sized<statchan_snapshot_req>();
    snapshot.source = synth.info().id;
    snapshot.len = 1U << 20;
    snapshot.buf = 0x10;
    EXPECT_EQ(call(STATCHAN_IOC_SNAPSHOT, snapshot), EFAULT);
    snapshot.buf = ~0ULL - 4096;  // of the kernel
    EXPECT_EQ(call(STATCHAN_IOC_SNAPSHOT, snapshot), EFAULT);
}

// The sentence is that of the last failure, and of this descriptor.
TEST_F(Abi, SentenceBelongsToTheDescriptor) {
    EXPECT_EQ(sentence(), "");
    auto info = sized<statchan_source_info>();
    std::strcpy(info.name, "nosuch");
    EXPECT_EQ(call(STATCHAN_IOC_SOURCE_INFO, info), ENOENT);
    EXPECT_NE(sentence().find("'nosuch'"), std::string::npos) << sentence();
    const int other = ::open("/dev/statchan", O_RDWR | O_CLOEXEC);
    auto error = sized<statchan_error>();
    EXPECT_EQ(::ioctl(other, STATCHAN_IOC_ERROR, &error), 0);
    EXPECT_STREQ(error.text, "");
    ::close(other);
}

TEST_F(Abi, DescriptorHasOneChannel) {
    Synth synth;
    auto read = sized<statchan_read>();
    EXPECT_EQ(call(STATCHAN_IOC_READ, read), EBADFD);
    auto channel = sized<statchan_channel_req>();
    channel.source = synth.info().id;
    channel.transport = STATCHAN_T_IOCTL;
    channel.kind = STATCHAN_CHANNEL_SAMPLES;
    EXPECT_EQ(call(STATCHAN_IOC_CHANNEL_OPEN, channel), 0) << sentence();
    EXPECT_EQ(call(STATCHAN_IOC_CHANNEL_OPEN, channel), EBUSY);
    EXPECT_NE(sentence().find("channel already"), std::string::npos) << sentence();
}
