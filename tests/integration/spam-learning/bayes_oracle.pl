#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's SpamAssassin as the oracle of the Bayes tests. Reads commands, one a line, and answers those
# that ask with one JSON object a line. What it learns goes to a folder of its own.
#
#   bayes_oracle.pl HOME
#     learn spam|ham FILE     nothing is answered
#     forget FILE
#     sources FILE            the texts that tokens are made of, and the tokens
#     classify FILE           the probability, null if there is none
#     identity FILE           the ids by which a message is known again, and its time
#     backup FILE             sa-learn --backup into a file
#     restore FILE            sa-learn --restore from a file
#
# Octets appear in JSON as code points below 256.
use strict;
use warnings;
use JSON::PP;
use Mail::SpamAssassin;

my $home = shift // die "usage: bayes_oracle.pl HOME\n";
my $engine = Mail::SpamAssassin->new({
    local_tests_only => 1,
    dont_copy_prefs => 1,
    userprefs_filename => '/dev/null',
    home_dir_for_helpers => $home,
    userstate_dir => $home,
    post_config_text => join("\n", "loadplugin Mail::SpamAssassin::Plugin::TextCat",
      "use_bayes 1", "bayes_auto_learn 0", "bayes_auto_expire 0",
      "bayes_path $home/bayes", "lock_method flock", "use_auto_welcomelist 0", "time_limit 0", ""),
});
$engine->init(1);
$engine->init_learner({ caller_will_untie => 1 });
my $bayes = $engine->call_plugins('learner_get_implementation');
my $json = JSON::PP->new->latin1->canonical->allow_nonref;
$| = 1;

sub message {
    my ($path) = @_;
    open(my $file, '<:raw', $path) or die "$path: $!\n";
    local $/;
    my $text = <$file>;
    $text =~ s/\r\n/\n/g;
    return $engine->parse($text, 1);
}

sub octets {
    my ($text) = @_;
    utf8::encode($text) if utf8::is_utf8($text);
    return $text;
}

sub sources {
    my ($message) = @_;
    my $texts = $bayes->get_body_from_msg($message);
    my $tokens = $bayes->tokenize($message, $texts);
    my @fields = map { my ($n, $v) = split(/:/, $_, 2); chomp $v; [octets($n), octets($v)] }
      $message->get_all_headers();
    my @metadata = map { my ($n, $v) = split(/:/, $_, 2); chomp $v; [octets($n), octets($v)] }
      $message->get_all_metadata();
    return {
        visible => [map { octets($_) } @{ $texts->{bayes_token_body} }],
        invisible => [map { octets($_) } @{ $texts->{bayes_token_inviz} }],
        uris => [map { octets($_) } @{ $texts->{bayes_token_uris} }],
        fields => \@fields,
        metadata => \@metadata,
        tokens => { map { unpack('H*', $_) => octets($tokens->{$_}) } keys %$tokens },
    };
}

sub probability {
    my ($message) = @_;
    my $status = Mail::SpamAssassin::PerMsgStatus->new($engine, $message);
    $message->extract_message_metadata($status);
    my $score = $bayes->scan($status, $message);
    $status->finish();
    return $score;
}

while (my $line = <STDIN>) {
    chomp $line;
    my ($command, @words) = split(/ /, $line);
    my $path = $words[-1];
    my $answer;
    if ($command eq 'backup') {
        $engine->{bayes_scanner}->force_close(1);
        open(my $kept, '>&', \*STDOUT);
        open(STDOUT, '>', $path);
        $bayes->{store}->backup_database();
        open(STDOUT, '>&', $kept);
        $answer = 'done';
    } elsif ($command eq 'restore') {
        $engine->{bayes_scanner}->force_close(1);
        $answer = $bayes->{store}->restore_database($path, 0) ? 'done' : 'failed';
    } else {
        my $message = message($path);
        if ($command eq 'learn') {
            $bayes->learn_message({ isspam => $words[0] eq 'spam' ? 1 : 0, msg => $message });
        } elsif ($command eq 'forget') {
            $bayes->forget_message({ msg => $message });
        } elsif ($command eq 'sources') {
            $answer = sources($message);
        } elsif ($command eq 'classify') {
            $answer = { probability => probability($message) };
        } elsif ($command eq 'identity') {
            $answer = { ids => [$message->generate_msgid(), $message->get_msgid()],
                time => $message->receive_date() };
        } else {
            die "unknown command '$command'\n";
        }
        $message->finish();
    }
    print $json->encode($answer), "\n" if defined $answer;
}
$bayes->{store}->untie_db();
