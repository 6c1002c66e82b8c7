// SPDX-License-Identifier: GPL-2.0-or-later
// Whatever the octets are: places lie inside, no edits change nothing, edited messages parse again.
#include "appliance/mail/Message.h"
#include "appliance/mail/MessageEditor.h"

#include <cstdlib>

namespace mail = portcullis::mail;

namespace {

void require(bool isTrue)
{
    if (!isTrue) {
        std::abort();
    }
}

void check(const mail::Message &message)
{
    for (const mail::Part &part : message.parts()) {
        require(part.header.begin <= part.header.end && part.header.end <= part.body.begin
                && part.body.begin <= part.body.end
                && part.body.end <= message.source(part.source).size() && part.parent < part.id);
        require(!message.readings(part).empty());
        (void)message.typeNames(part);
        (void)message.text(part);
        for (const mail::HeaderField &field : part.fields) {
            require(!field.decoded().contains(QChar(u'\n')));
        }
    }
    (void)message.fromAddresses();
    (void)message.subject();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const QByteArray bytes(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    mail::MimeLimits limits;
    limits.parts = 60;
    limits.nesting = 12;
    limits.decodedBytes = 1024 * 1024;
    const mail::Message message = mail::Message::parse(mail::Content(bytes), limits);
    check(message);
    require(mail::MessageEditor(message).result().toByteArray() == bytes);

    mail::MessageEditor editor(message);
    require(editor
                .setHeader("X-Set",
                           QString::fromUtf8(bytes.first(std::min<qsizetype>(bytes.size(), 80))))
                .has_value());
    (void)editor.addDisclaimer({QStringLiteral("<b>house</b> rules")});
    if (size % 2 == 0) {
        editor.keepFirstBody([](const mail::Part &part) {
            return mail::Replacement{QStringLiteral("removed ") + part.fileName(), {}};
        });
    } else {
        editor.replacePart(static_cast<int>(message.parts().size()), {QStringLiteral("gone"), {}});
        editor.appendNote({QStringLiteral("note"), {}});
    }
    const mail::Message edited = mail::Message::parse(editor.result(), limits);
    check(edited);
    require(edited.field("X-Set") != nullptr || !edited.defects().unscannable.isEmpty());
    return 0;
}
